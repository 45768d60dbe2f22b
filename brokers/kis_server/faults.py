"""What goes wrong on purpose: by switch, by schedule, by seeded chance.

A rule names a fault, where it strikes, and when: the first time, every n-th time, or with a probability drawn from a
seeded generator. Each fault declares what it may do to a careful program (`Effect`):

    none      it notices, and its books are at once what they would be without the fault
    later     the same end, after a pause or a question more
    blocked   the outcome may stay unknown; the instrument must not trade until it has been found out

A fault of the exchange itself (`Strikes.ORDER`) changes what is true: "none" means that the books follow it at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from brokers.kis.endpoint import Area
from brokers.kis.endpoints import ENDPOINTS
from brokers.kis_server.notes import Note, forget
from engine.errors import BadInput


class Effect(Enum):
    """What a careful program may feel."""

    NONE = "none"
    LATER = "later"
    BLOCKED = "blocked"


class Strikes(Enum):
    """What a fault strikes."""

    ANSWER = "answer"  # of a REST call
    NOTICE = "notice"  # of the stream
    SOCKET = "socket"
    ORDER = "order"  # what the exchange does with it
    PAGE = "page"  # of a list


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One fault: what it strikes, what a careful program may feel, and what it does in Korean and English."""

    strikes: Strikes
    effect: Effect
    korean: str
    english: str


FAULTS: Mapping[str, FaultKind] = MappingProxyType(
    {
        "lost_request": FaultKind(
            strikes=Strikes.ANSWER,
            effect=Effect.BLOCKED,
            korean="요청이 처리되지 않고 연결이 끊김",
            english="the connection breaks before the call is carried out",
        ),
        "lost_answer": FaultKind(
            strikes=Strikes.ANSWER,
            effect=Effect.BLOCKED,
            korean="처리된 뒤 응답이 사라짐",
            english="the call is carried out, its answer is lost",
        ),
        "late_answer": FaultKind(
            strikes=Strikes.ANSWER,
            effect=Effect.BLOCKED,
            korean="처리된 뒤 응답이 늦음",
            english="the call is carried out, its answer comes late",
        ),
        "slow_answer": FaultKind(
            strikes=Strikes.ANSWER,
            effect=Effect.LATER,
            korean="처리 전에 지연됨",
            english="the call waits before it is carried out",
        ),
        "reordered_answer": FaultKind(
            strikes=Strikes.ANSWER,
            effect=Effect.NONE,
            korean="다음 응답 뒤에 도착함",
            english="the answer comes after that of the next call",
        ),
        "server_error": FaultKind(
            strikes=Strikes.ANSWER,
            effect=Effect.BLOCKED,
            korean="처리 전 HTML 500 오류",
            english="an HTML page with status 500; not carried out",
        ),
        "server_error_after": FaultKind(
            strikes=Strikes.ANSWER,
            effect=Effect.BLOCKED,
            korean="처리된 뒤 HTML 500 오류",
            english="an HTML page with status 500; carried out",
        ),
        "gateway_timeout": FaultKind(
            strikes=Strikes.ANSWER,
            effect=Effect.BLOCKED,
            korean="처리된 뒤 EGW00302",
            english="EGW00302; carried out",
        ),
        "rate_limited": FaultKind(
            strikes=Strikes.ANSWER,
            effect=Effect.LATER,
            korean="처리 전 EGW00201",
            english="EGW00201; not carried out",
        ),
        "token_expired": FaultKind(
            strikes=Strikes.ANSWER,
            effect=Effect.LATER,
            korean="처리 전 EGW00123",
            english="EGW00123; not carried out",
        ),
        "broken_json": FaultKind(
            strikes=Strikes.ANSWER,
            effect=Effect.BLOCKED,
            korean="처리된 뒤 깨진 JSON",
            english="half of the JSON; carried out",
        ),
        "lost_notice": FaultKind(
            strikes=Strikes.NOTICE,
            effect=Effect.LATER,
            korean="통보가 사라짐",
            english="the notice is lost",
        ),
        "late_notice": FaultKind(
            strikes=Strikes.NOTICE,
            effect=Effect.LATER,
            korean="통보가 늦음",
            english="the notice comes late",
        ),
        "duplicate_notice": FaultKind(
            strikes=Strikes.NOTICE,
            effect=Effect.NONE,
            korean="통보가 두 번 옴",
            english="the notice comes twice",
        ),
        "reordered_notice": FaultKind(
            strikes=Strikes.NOTICE,
            effect=Effect.NONE,
            korean="다음 통보 뒤에 옴",
            english="the notice comes after the next one",
        ),
        "early_notice": FaultKind(
            strikes=Strikes.NOTICE,
            effect=Effect.NONE,
            korean="REST 응답보다 먼저 옴",
            english="the notice comes before the answer to the order",
        ),
        "truncated_frame": FaultKind(
            strikes=Strikes.NOTICE,
            effect=Effect.LATER,
            korean="통보 프레임이 잘림",
            english="the frame of the notice is cut off",
        ),
        "socket_cut": FaultKind(
            strikes=Strikes.SOCKET,
            effect=Effect.LATER,
            korean="소켓이 끊김",
            english="the socket is cut",
        ),
        "reject_after_accept": FaultKind(
            strikes=Strikes.ORDER,
            effect=Effect.NONE,
            korean="접수 후 거래소가 거부",
            english="the exchange refuses what KIS accepted",
        ),
        "cancel_races_fill": FaultKind(
            strikes=Strikes.ORDER,
            effect=Effect.NONE,
            korean="취소보다 체결이 먼저일 수 있음",
            english="a cancel is carried out only after the next trade",
        ),
        "empty_output1": FaultKind(
            strikes=Strikes.PAGE,
            effect=Effect.BLOCKED,
            korean="주문내역 output1이 비어 있음",
            english="the list of orders is empty, its totals are right",
        ),
        "page_break": FaultKind(
            strikes=Strikes.PAGE,
            effect=Effect.NONE,
            korean="한 페이지의 행 수를 줄임",
            english="pages have fewer rows",
        ),
    }
)


class FaultRule(BaseModel):
    """When a fault strikes.

    Args:
        fault: a key of `FAULTS`.
        calls: names of calls (as `inquire_balance`), or "orders", "reads", "all"; for faults of answers and orders.
        every: strikes every n-th time; 1 = always.
        chance: strikes with this probability instead; None = by `every`.
        times: strikes at most so often; None = without end.
        seconds: of late answers and notices, real time.
        rows: of a page, for page_break.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: str
    calls: tuple[str, ...] = ("all",)
    every: int = Field(default=1, ge=1)
    chance: float | None = Field(default=None, ge=0, le=1)
    times: int | None = Field(default=None, ge=1)
    seconds: float = Field(default=1.0, ge=0, le=600)
    rows: int = Field(default=3, ge=1)

    @field_validator("fault")
    @classmethod
    def _known_fault(cls, name: str) -> str:
        if name not in FAULTS:
            raise ValueError(f"there is no fault {name}; there are {', '.join(FAULTS)}")
        return name

    @field_validator("calls")
    @classmethod
    def _known_calls(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in ENDPOINTS and name not in ("orders", "reads", "all")]
        if unknown:
            raise ValueError(f"there is no call {', '.join(unknown)}; say orders, reads, all or a call by its name")
        return names

    def covers(self, call: str) -> bool:
        """Whether it strikes this call ("" = not a call)."""
        if not call or call in self.calls:
            return True
        if call in ENDPOINTS and ENDPOINTS[call].area is Area.ACCESS:
            return False  # tokens go wrong only where a rule names them
        if "all" in self.calls:
            return True
        writes = call in ENDPOINTS and ENDPOINTS[call].writes
        return ("orders" if writes else "reads") in self.calls


@dataclass(slots=True)
class _Active:
    rule: FaultRule
    met: int = 0
    struck: int = 0


@dataclass(slots=True)
class Faults:
    """The rules in force.

    Args:
        generator: of everything that is left to chance; seeded.
        note: keeps the rules, and how often one has struck that may strike only so often.
    """

    generator: np.random.Generator
    note: Note = forget
    _active: list[_Active] = field(default_factory=list)
    struck: dict[str, int] = field(default_factory=dict)

    def use(self, rules: list[FaultRule]) -> None:
        """Replace all rules."""
        self._active = [_Active(rule) for rule in rules]
        self.note("rules", {"rules": [rule.model_dump(mode="json") for rule in rules]})

    def restore(self, kind: str, content: Mapping[str, Any]) -> None:
        """Put rules in force again, or count a strike, as an earlier life noted them."""
        if kind == "rules":
            self._active = [_Active(rule) for rule in read_rules(content["rules"])]
        else:
            self._active[content["rule"]].struck = content["times"]

    @property
    def rules(self) -> list[FaultRule]:
        """The rules in force."""
        return [active.rule for active in self._active]

    def fires(self, fault: str, call: str = "") -> FaultRule | None:
        """Whether a fault strikes now, as the rule that says so; asking counts as one time."""
        found = None
        for place, active in enumerate(self._active):
            rule = active.rule
            if rule.fault != fault or not rule.covers(call) or active.struck == rule.times:
                continue
            active.met += 1
            drawn = active.met % rule.every == 0 if rule.chance is None else self.generator.random() < rule.chance
            if drawn:
                active.struck += 1
                self.struck[fault] = self.struck.get(fault, 0) + 1
                found = rule
                if rule.times is not None:
                    self.note("struck", {"rule": place, "times": active.struck})
        return found

    def page_size(self, call: str, size: int) -> int:
        """Rows of a page of a call."""
        rule = self.fires("page_break", call) if self._active else None
        return size if rule is None else min(size, rule.rows)


class StruckBefore(Faults):
    """The faults that struck a call when it was carried out for the first time."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(np.random.default_rng(0))
        self._names = frozenset(names)

    def fires(self, fault: str, call: str = "") -> FaultRule | None:
        """Whether it struck then."""
        return FaultRule(fault=fault) if fault in self._names else None


def read_rules(content: Any) -> list[FaultRule]:
    """Rules from JSON or YAML: a list of them, or names alone.

    Raises:
        BadInput: an unknown fault or call, or an impossible number.
    """
    if not isinstance(content, list):
        raise BadInput('Faults are a list, such as [{"fault": "lost_answer", "calls": ["orders"], "chance": 0.1}].')
    rules = []
    for number, entry in enumerate(content, 1):
        try:
            rules.append(FaultRule.model_validate({"fault": entry} if isinstance(entry, str) else entry))
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
            raise BadInput(f"Fault {number} is impossible: {told}.") from None
        except UnicodeError:  # half a surrogate pair is legal JSON
            raise BadInput(f"Fault {number} is impossible: it holds characters that do not exist.") from None
    return rules
