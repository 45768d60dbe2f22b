"""Which alert becomes which report."""

from __future__ import annotations

from engine.notify.message import ReportMaker

REPORT_MAKERS: dict[str, ReportMaker] = {}
