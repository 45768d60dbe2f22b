"""What a higher level asks for, and what an account can show for it.

    for each in evidence_for(Level.ALONE, account, paper, doctor): each.is_met, each.text(lang)

Going down asks for nothing. Going up asks for sessions that were really traded and closed, for a replay that explains
what happened, for losses within bounds, and for an account that is ready.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.clock import Clock
from engine.errors import BadInput
from engine.events import CashMoved, CashReason
from engine.ledger.equity import EquityPoint, equity_points
from engine.ledger.history import events_of
from engine.ledger.ledger import Ledger, open_ledger
from engine.reports.language import Lang, Text
from engine.trading.autonomy import Level
from engine.trading.mirror_store import MirrorStore

LEDGER = "ledger.db"
PAPER_SESSIONS = 20  # a month on the paper account
APPROVED_SESSIONS = 20  # a month with a person's eye on every plan
MIRRORED_SESSIONS = 20  # in a row, without a difference that nothing explains
MOST_DRAWDOWN = 0.20  # of the closing equity, deposits left out

_PAPER = Text("모의투자 거래일 {have}/{need}", "sessions on paper: {have} of {need}")
_LIVE = Text("승인 단계 실전 거래일 {have}/{need}", "live sessions with approvals: {have} of {need}")
_MIRRORED = Text(
    "재생과의 차이가 모두 설명된 연속 거래일 {have}/{need} ({where})",
    "sessions in a row that a replay explains: {have} of {need} ({where})",
)
_DRAWDOWN = Text(
    "최대 낙폭 {have:.1%} (한도 {need:.0%}, {where})", "largest drawdown {have:.1%} (limit {need:.0%}, {where})"
)
_DOCTOR = {
    True: Text("계좌 점검 이상 없음", "the account passes geoul kis doctor"),
    False: Text("계좌 점검에 ✗가 있음: geoul kis doctor", "geoul kis doctor shows a ✗"),
}
_NO_PAPER = Text(
    "모의투자 계좌 폴더가 필요함: --paper FOLDER", "the folder of a paper account is asked for: --paper FOLDER"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that a level asks for."""

    is_met: bool
    words: Text

    def text(self, lang: Lang) -> str:
        """What was found."""
        return self.words(lang)


def evidence_for(
    level: Level,
    folder: Path,
    ledger: Ledger | None,
    *,
    approved_since: str = "",
    paper: Path | None,
    is_healthy: bool,
    clock: Clock,
) -> tuple[Evidence, ...]:
    """All that a level asks of an account, met or not.

    Args:
        level: the one that is asked for.
        folder: of the account.
        ledger: of the account; None = it has none yet.
        approved_since: sessions at or after this day count as traded with approvals, as ISO text; "" = none.
        paper: folder of the paper account that shows what the strategy does.
        is_healthy: `geoul kis doctor` found nothing bad, or the account trades right now.
        clock: of the reader.
    """
    if level <= Level.PROPOSE:
        return ()
    doctor = Evidence(is_met=is_healthy, words=_DOCTOR[is_healthy])
    if level is Level.PAPER:
        return (doctor,)
    found: list[Evidence] = []
    if level is Level.APPROVAL:
        found += _of_paper(paper, clock)
    else:
        points = equity_points(ledger) if ledger is not None else []
        lived = sum(bool(approved_since) and point.session.isoformat() >= approved_since for point in points)
        found.append(_counted(_LIVE, lived, APPROVED_SESSIONS))
        found.append(_mirrored(folder))
    if ledger is not None:
        found.append(_lost(ledger, folder))
    return (*found, doctor)


def _of_paper(paper: Path | None, clock: Clock) -> list[Evidence]:
    if paper is None or not (paper / LEDGER).is_file():
        return [Evidence(is_met=False, words=_NO_PAPER)]
    with open_ledger(paper / LEDGER, clock, read_only=True) as ledger:
        return [
            _counted(_PAPER, len(equity_points(ledger)), PAPER_SESSIONS),
            _mirrored(paper),
            _lost(ledger, paper),
        ]


def _counted(words: Text, have: int, need: int) -> Evidence:
    return Evidence(is_met=have >= need, words=_filled(words, have=have, need=need))


def _mirrored(folder: Path) -> Evidence:
    have = MirrorStore(folder).unbroken()
    words = _filled(_MIRRORED, have=have, need=MIRRORED_SESSIONS, where=folder.name)
    return Evidence(is_met=have >= MIRRORED_SESSIONS, words=words)


def _lost(ledger: Ledger, folder: Path) -> Evidence:
    have = drawdown(ledger)
    words = _filled(_DRAWDOWN, have=have, need=MOST_DRAWDOWN, where=folder.name)
    return Evidence(is_met=have <= MOST_DRAWDOWN, words=words)


def drawdown(ledger: Ledger) -> float:
    """The largest loss from a peak of the closing equity, as a ratio; money paid in or out is no profit or loss."""
    paid = [
        event for event in events_of(ledger, CashMoved) if event.reason in (CashReason.DEPOSIT, CashReason.WITHDRAWAL)
    ]
    return largest_drawdown(equity_points(ledger), paid)


def largest_drawdown(points: Sequence[EquityPoint], paid: Sequence[CashMoved]) -> float:
    """As `drawdown`, of closing values and the money that came or went.

    The value of one won is followed: a session's change is (equity − what came in) / equity before.
    """
    grown = peak = 1.0
    worst = 0.0
    for before, point in itertools.pairwise(points):
        came = sum(event.amount for event in paid if before.time < event.time <= point.time)
        if before.equity > 0:
            grown *= max(point.equity - came, 0) / before.equity
        peak = max(peak, grown)
        worst = max(worst, 1 - grown / peak)
    return worst


def require(evidence: Sequence[Evidence], level: Level, lang: Lang) -> None:
    """Nothing, if all is met.

    Raises:
        BadInput: what is missing, one line each.
    """
    missing = [each.text(lang) for each in evidence if not each.is_met]
    if missing:
        lines = "\n  ".join(missing)
        raise BadInput(_MISSING(lang).format(level=level.value, missing=lines))


_MISSING = Text("LV{level}에 필요한 것이 모자랍니다:\n  {missing}", "LV{level} asks for more:\n  {missing}")


def _filled(words: Text, **values: object) -> Text:
    return Text(words("ko").format(**values), words("en").format(**values))
