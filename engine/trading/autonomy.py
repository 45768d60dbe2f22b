"""Levels of autonomy: what may be bought without asking. Exits, stops and guarded levels act at every one of them.

LV1 observes and reports, LV2 proposes, LV3 trades the paper account, LV4 trades real money after a person approved each
plan, LV5 trades it alone within the hard limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from engine.errors import BadInput
from engine.reports.language import Lang, Text

PAPER, LIVE = "paper", "live"


class Level(IntEnum):
    """How much is left to Geoul."""

    OBSERVE = 1
    PROPOSE = 2
    PAPER = 3
    APPROVAL = 4
    ALONE = 5


NAMES = {
    Level.OBSERVE: Text("관찰·보고", "observe and report"),
    Level.PROPOSE: Text("제안만", "propose, no orders"),
    Level.PAPER: Text("모의투자", "paper trading"),
    Level.APPROVAL: Text("실전, 계획마다 승인", "live, each plan approved"),
    Level.ALONE: Text("실전, 한도 안에서 자율", "live, alone within the limits"),
}
FALLEN = Level.PROPOSE  # where a breach ends: no new risk
DEFAULT = {PAPER: Level.PAPER, LIVE: Level.PROPOSE}
POSSIBLE = {
    PAPER: (Level.OBSERVE, Level.PROPOSE, Level.PAPER),
    LIVE: (Level.OBSERVE, Level.PROPOSE, Level.APPROVAL, Level.ALONE),
}
LONGEST = timedelta(days=90)  # for which real money may be left to a level before it is granted anew
USUAL = timedelta(days=30)
_ACCOUNTS = {PAPER: Text("모의투자 계좌", "a paper account"), LIVE: Text("실전 계좌", "a live account")}
_IMPOSSIBLE = Text(
    "{account}는 LV{level}({name})이 될 수 없습니다. 가능: {possible}.",
    "{account} cannot be at LV{level} ({name}). Possible: {possible}.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A level that an account was given.

    Args:
        level: which.
        since: when; None = the default of a new account.
        who: gave it.
        reason: why.
        expires: when it ends, so that an account left alone falls back; None = it does not.
        evidence: what was found when it was given, one line each.
    """

    level: Level
    since: datetime | None = None
    who: str = ""
    reason: str = ""
    expires: datetime | None = None
    evidence: tuple[str, ...] = ()

    def level_at(self, now: datetime) -> Level:
        """The level in force: one that has expired leaves proposals."""
        if self.expires is not None and now >= self.expires:
            return min(self.level, FALLEN)
        return self.level


def require_possible(level: int, environment: str, lang: Lang) -> Level:
    """The level of a number, if an account of that environment can have it.

    Raises:
        BadInput: it cannot.
    """
    possible = POSSIBLE[environment]
    if level not in possible:
        known = level in list(Level)
        raise BadInput(
            _IMPOSSIBLE(lang).format(
                account=_ACCOUNTS[environment](lang),
                level=level,
                name=NAMES[Level(level)](lang) if known else "?",
                possible=", ".join(f"LV{each.value} {NAMES[each](lang)}" for each in possible),
            )
        )
    return Level(level)


def expiry_of(level: Level, now: datetime, days: int | None) -> datetime | None:
    """When a level that is given now ends; those without real money need not.

    Raises:
        BadInput: real money is never left to a level for so long.
    """
    if days is None:
        return now + USUAL if level >= Level.APPROVAL else None
    if days < 1 or (level >= Level.APPROVAL and timedelta(days=days) > LONGEST):
        raise BadInput(f"--days {days}: real money is left to a level for 1 to {LONGEST.days} days.")
    return now + timedelta(days=days)
