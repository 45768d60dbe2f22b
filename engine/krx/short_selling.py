"""Which stocks may be sold short on a day.

Source: press of the days of each ban, see `engine.krx.tables.short_selling`.
"""

from __future__ import annotations

from datetime import date

from engine.krx.tables.short_selling import SHORT_SELLING, ShortSelling


def short_selling_on(day: date) -> ShortSelling:
    """The rule in force; raises `UnknownDate` before 2008-10-01.

    Example:
        >>> short_selling_on(date(2024, 5, 2)).name, short_selling_on(date(2025, 3, 31)).name
        ('NONE', 'ALL')
    """
    return SHORT_SELLING.at(day)
