"""One call on its way through the server: what was asked, by whom, and what is answered or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from brokers.kis.endpoint import Endpoint
from brokers.kis.environment import EnvironmentName
from brokers.kis.notice import Notice
from brokers.kis.wire import Record
from brokers.kis_server.faults import Faults
from brokers.kis_server.served_account import ServedAccount
from brokers.kis_server.setup import ServerSetup
from brokers.kis_server.world import World
from engine.krx.sessions import LAST_DAY
from engine.krx.tables.special_days import FIRST_SESSION

Blocks = Mapping[str, Record | Sequence[Record] | None]


class Refusal(Exception):
    """A business refusal: HTTP 200, no output, rt_cd other than 0.

    Args:
        code: msg_cd.
        text: msg1.
        rt_cd: "1" usually, "7" of the live order system, "2" for wrong input.
    """

    def __init__(self, code: str, text: str, rt_cd: str = "1") -> None:
        super().__init__(f"{code} {text}")
        self.code, self.text, self.rt_cd = code, text, rt_cd


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A good answer.

    Args:
        blocks: rows by the name of their block.
        code, text: msg_cd and msg1.
        next_page: values of the continuation fields; None = the end.
        notices: what goes to the stream after the answer.
    """

    blocks: Blocks = field(default_factory=dict)
    code: str = "MCA00000"
    text: str = "정상처리 되었습니다."
    next_page: Mapping[str, str] | None = None
    notices: Sequence[Notice] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a handler gets.

    Args:
        world: the market.
        setup: of the server.
        faults: what is to go wrong.
        endpoint, variant: which call.
        environment: of the TR id.
        values: the parameters, names as in the endpoint's table, values stripped.
        account: whose it is, None for calls about the market.
    """

    world: World
    setup: ServerSetup
    faults: Faults
    endpoint: Endpoint
    variant: str
    environment: EnvironmentName
    values: Mapping[str, str]
    account: ServedAccount | None = None

    @property
    def owner(self) -> ServedAccount:
        """The account of a call that has one."""
        assert self.account is not None
        return self.account

    @property
    def now(self) -> datetime:
        """The instant of the data."""
        return self.world.now()

    def day(self, name: str) -> date:
        """A parameter that is a day on the wire, as a day of the data.

        Raises:
            Refusal: it is no day.
        """
        return self.world.dates.in_day(min(max(self.wire_day(name), FIRST_SESSION), LAST_DAY))

    def wire_day(self, name: str) -> date:
        """A parameter that is a day, as the client means it."""
        text = self.values[name]
        if len(text) == 8 and text.isascii() and text.isdigit():
            try:
                return date(max(int(text[:4]), 1), int(text[4:6]), int(text[6:]))  # year 0 means "from the beginning"
            except ValueError:
                pass
        raise wrong_input(name)

    def whole(self, name: str) -> int:
        """A parameter that is a whole number.

        Raises:
            Refusal: it is none.
        """
        text = self.values[name]
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise wrong_input(name)
        return int(text)

    def column(self, name: str) -> int:
        """A parameter that is a ticker, as a column of the data; 12-character product codes are understood too.

        Raises:
            Refusal: there is no such instrument.
        """
        ticker = self.values[name]
        col = self.world.market.column.get(ticker[-6:] if len(ticker) == 12 else ticker)
        if col is None:
            raise Refusal("MCA05918", "종목코드 오류입니다.")
        return col


Handler = Callable[[Call], Reply]


def wrong_input(name: str) -> Refusal:
    """The refusal of a wrong value. Source: OPSQ2001 as quoted by public programs, read 2026-11-23."""
    return Refusal("OPSQ2001", f"ERROR INVALID INPUT_FILED NOT_FOUND({name})", "2")


def page(call: Call, rows: Sequence[Record], size: int) -> tuple[Sequence[Record], Mapping[str, str] | None]:
    """The rows of the page asked for, and where the next one begins."""
    first_name, next_name = call.endpoint.continuation
    text = call.values.get(next_name, "")
    start = int(text) if text.isascii() and text.isdigit() else 0
    size = call.faults.page_size(call.endpoint.name, size)
    shown = rows[start : start + size]
    if start + size >= len(rows):
        return shown, None
    return shown, {first_name: f"{call.endpoint.name}^", next_name: str(start + size)}
