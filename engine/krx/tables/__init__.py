"""The exchange's facts as dated tables, one subject a file; no calculation here.

hours  special_days  interruptions  short_selling     when is traded (session_days.txt, made by build_session_days)
price_grid  price_limits  quantities  order_types     what can be ordered
costs                                                 what it costs

Sources, by the short names used in the rows:
    KP_REG, KP_ENF   KOSPI Market Business Regulation (2026-04-15), its Enforcement Rules (2026-04-27), English texts
    KQ_REG, KQ_ENF   the same for KOSDAQ (2026-03-04, 2026-03-16)
    KN_REG, KN_ENF   the same for KONEX (2026-01-28, 2026-01-15)
    KP_DRAFT_2026    public notice of an amendment of the KOSPI regulation, in force from 2026-09-14
    FIELD_2026_09    observations of the after-market by API users, 2026-09-14 to 2026-10-01
    XC               exchange_calendars 4.13.2, calendar XKRX
    HK               archive of the Korea Economic Daily, date in the note
    PRESS            other Korean press
    DATA             checked against real daily cross sections, 2021 to 2026
    DESIGN           the design of this program, section 3
    MEM              general knowledge, not confirmed by a document
All read by 2026-11-23.
"""
