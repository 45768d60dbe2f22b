"""What a REST call of KIS is: its address, its TR ids, what it asks for and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from brokers.kis.environment import EnvironmentName
from brokers.kis.wire import Record, wire_names
from engine.errors import BadInput


class Area(Enum):
    """What a call touches: it decides to which host it may go and with whose key."""

    ACCOUNT = "account"  # orders, balances: only ever the configured account's own environment
    QUOTATION = "quotation"  # the market: the paper adapter may ask the live host for it
    ACCESS = "access"  # tokens and keys


class Shape(Enum):
    """How a block of an answer is laid out."""

    ROW = "object"
    ROWS = "array"
    ROW_IN_LIST = "array of one"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrIds:
    """The TR ids of one call; "" where there is none.

    Args:
        live: today's id of live trading.
        paper: today's id of paper trading.
        live_legacy: the older id, which still works but may be blocked without notice; python-kis and mojito send it.
        paper_legacy: the same on paper.
    """

    live: str
    paper: str = ""
    live_legacy: str = ""
    paper_legacy: str = ""

    def of(self, environment: EnvironmentName, legacy: bool = False) -> str:
        """The id to send, "" if the environment has no such call."""
        if environment == "live":
            return (self.live_legacy if legacy else "") or self.live
        return (self.paper_legacy if legacy else "") or self.paper

    def known(self, environment: EnvironmentName) -> frozenset[str]:
        """Every id under which the environment knows this call."""
        both = (self.live, self.live_legacy) if environment == "live" else (self.paper, self.paper_legacy)
        return frozenset(both) - {""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One value of a request.

    Args:
        name: as sent; bodies are upper case, queries are matched without case.
        default: sent where the caller gives none; None = the caller must give it, or it is left out if not required.
        required: whether KIS demands it.
        allowed: the values that exist; empty = any.
    """

    name: str
    default: str | None = None
    required: bool = True
    allowed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One part of an answer.

    Args:
        name: "output", "output1", ….
        record: the typed record of a row.
        shape: how it is laid out.
        other_numbers: further documented fields that hold numbers and that Geoul does not read.
        other_texts: the same, holding texts. A server names them too, for programs that look for them.
        positional: rows are told apart by their place, so blank ones count.
        key: a row whose field of this name is blank is no row (charts answer such rows for a range without sessions).
    """

    name: str
    record: type[Record]
    shape: Shape = Shape.ROW
    other_numbers: tuple[str, ...] = ()
    other_texts: tuple[str, ...] = ()
    positional: bool = False
    key: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All documented fields on the wire."""
        return wire_names(self.record) + self.other_numbers + self.other_texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One call.

    Args:
        name: of the official sample function.
        korean: KIS's name of it.
        method: "GET" or "POST".
        path: after the host.
        area: what it touches.
        tr: TR ids by variant: {"": …}, or {"buy": …, "sell": …}.
        parameters: what it asks for, in order.
        blocks: what it answers.
        continuation: the two request fields that carry the place of the next page; empty = no next page.
        most_rows: rows of a call without next page, 0 = not limited. Move the date or the hour instead.
        writes: it changes something at KIS, so it is never repeated after a lost answer.
    """

    name: str
    korean: str
    method: str
    path: str
    area: Area
    tr: Mapping[str, TrIds]
    parameters: tuple[Parameter, ...] = ()
    blocks: tuple[Block, ...] = ()
    continuation: tuple[str, ...] = ()
    most_rows: int = 0
    writes: bool = False

    def tr_id(self, environment: EnvironmentName, variant: str = "", *, legacy: bool = False) -> str:
        """The TR id to send, "" if the environment has no such call.

        Raises:
            BadInput: there is no such variant.
        """
        if variant not in self.tr:
            known = " or ".join(repr(name) for name in self.tr) or "none"
            raise BadInput(f"The KIS call {self.name} has no variant {variant!r}: say {known}.")
        return self.tr[variant].of(environment, legacy)

    def known_ids(self, environment: EnvironmentName) -> frozenset[str]:
        """Every TR id, of any variant, under which the environment knows this call."""
        return frozenset[str]().union(*(ids.known(environment) for ids in self.tr.values()))

    def available(self, environment: EnvironmentName) -> bool:
        """Whether the environment has this call."""
        return self.area is Area.ACCESS or bool(self.known_ids(environment))

    def fill(self, given: Mapping[str, str]) -> dict[str, str]:
        """What is sent: the values given, defaults for the rest.

        Raises:
            BadInput: an unknown name, a missing value, a value that does not exist.
        """
        names = {parameter.name for parameter in self.parameters}
        unknown = sorted(set(given) - names)
        if unknown:
            raise BadInput(
                f"The KIS call {self.name} has no parameter {', '.join(unknown)}; it has {', '.join(sorted(names))}."
            )
        sent: dict[str, str] = {}
        for parameter in self.parameters:
            value = given.get(parameter.name, parameter.default)
            if value is None:
                if parameter.required:
                    raise BadInput(f"The KIS call {self.name} needs {parameter.name}.")
                continue
            _check(self.name, parameter, value)
            sent[parameter.name] = value
        return sent

    def accept(self, received: Mapping[str, str]) -> dict[str, str]:
        """The request as a server reads it: names without regard to case, absent optional values blank.

        Raises:
            BadInput: a required value is missing, or does not exist.
        """
        given = {name.upper(): value for name, value in received.items()}
        read: dict[str, str] = {}
        for parameter in self.parameters:
            value = given.get(parameter.name.upper())
            if value is None and parameter.required:
                raise BadInput(f"The KIS call {self.name} needs {parameter.name}.")
            value = (value or "").strip()
            if value:
                _check(self.name, parameter, value)
            read[parameter.name] = value
        return read


def _check(call: str, parameter: Parameter, value: str) -> None:
    if parameter.allowed and value not in parameter.allowed and value != parameter.default:
        raise BadInput(
            f"The KIS call {call} does not know {parameter.name} = {value!r}: {', '.join(sorted(parameter.allowed))}."
        )


def names(text: str) -> tuple[str, ...]:
    """Field names from a text, as the tables write them."""
    return tuple(text.split())
