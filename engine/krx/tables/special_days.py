"""Corrections of the exchange_calendars package and the days with other hours than their neighbours."""

from __future__ import annotations

from datetime import date

# The package without these corrections was compared with real price data, 1990-01-03 to 2026-08-14.
PACKAGE_VERSION = "4.13.2"

FIRST_SESSION = date(1990, 1, 3)
# Saturdays were half-day sessions up to this day; the package yields none of them.
LAST_OPEN_SATURDAY = date(1998, 12, 5)

# Sessions of the package that did not take place.
NOT_A_SESSION: dict[date, str] = {
    date(1990, 12, 29): "year-end closing (no price data)",
    date(1991, 12, 28): "year-end closing (no price data)",
    date(1995, 6, 27): "first nationwide local elections",
    date(1995, 12, 28): "year-end closing (no price data)",
    date(1996, 4, 11): "general election",
    date(1996, 11, 23): "Saturday before the change of the price limit (no price data)",
    date(1996, 12, 28): "year-end closing (no price data)",
    date(1998, 1, 3): "new year closing (no price data)",
    date(1998, 6, 4): "local elections",
    date(2026, 6, 3): "local elections",
    date(2026, 7, 17): "Constitution Day is a public holiday again from 2026",
    date(2027, 7, 19): "substitute holiday: 2027-07-17 is a Saturday (follows from the rule, not yet observed)",
}

# Days that the package closes although prices were made.
A_SESSION: dict[date, str] = {
    date(1992, 12, 28): "index and stock prices exist",
    date(1993, 7, 7): "index and stock prices exist",
    date(1994, 1, 3): "index and stock prices exist",
    date(1994, 2, 14): "index and stock prices exist",
    date(1994, 5, 20): "index and stock prices exist",
}

# College entrance exam (대학수학능력시험): open, close and both call auctions move together.
# On 2017-11-16 the exam had moved to 2017-11-23, but the exchange kept the delay on both days.
EXAM_DATES = """\
1993-08-20 1993-11-16 1994-11-23 1995-11-22 1996-11-13 1997-11-19 1998-11-18 1999-11-17 2000-11-15
2001-11-07 2002-11-06 2003-11-05 2004-11-17 2005-11-23 2006-11-16 2007-11-15 2008-11-13 2009-11-12
2010-11-18 2011-11-10 2012-11-08 2013-11-07 2014-11-13 2015-11-12 2016-11-17 2017-11-16 2017-11-23
2018-11-15 2019-11-14 2020-12-03 2021-11-18 2022-11-17 2023-11-16 2024-11-14 2025-11-13 2026-11-19
"""
EXAM_DAYS: tuple[date, ...] = tuple(date.fromisoformat(day) for day in EXAM_DATES.split())
# Half an hour until 1998; the package gives a full hour for 1998-11-18 already, and no delay after 2020.
EXAM_DELAY_MINUTES_UNTIL_1998 = 30
EXAM_DELAY_MINUTES = 60

# First session of a year: the open moves, the close does not. Source: KP_ENF, XC.
NEW_YEAR_DELAY_MINUTES = 60

# Single days that opened at another time. Source: MEM (medium).
OTHER_OPENS: dict[date, str] = {date(2001, 9, 12): "12:00"}  # after the attacks of 2001-09-11
