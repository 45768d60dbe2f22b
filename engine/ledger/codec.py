"""Events to journal rows and back: `decode(*encode(event)) == event`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from engine.errors import BadInput, DataError
from engine.events import (
    ActionKind,
    CashMoved,
    CashReason,
    CorporateAction,
    Event,
    MarketStatus,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderIntended,
    OrderNotSent,
    OrderRefused,
    OrderUnknown,
    Phase,
    PlanReady,
    Timer,
)
from engine.fill import Fill
from engine.ledger.canonical import canonical_json, unstamp
from engine.order import Order, OrderKind, OrderRequest, OrderStatus, RefusalReason, Side


def request_from_plain(values: Mapping[str, Any]) -> OrderRequest:
    """The request that a journal payload holds."""
    return OrderRequest(
        ticker=values["ticker"],
        side=Side(values["side"]),
        quantity=values["quantity"],
        kind=OrderKind(values["kind"]),
        price=values["price"],
        rule_ids=tuple(values["rule_ids"]),
        decision_id=values["decision_id"],
    )


def order_from_plain(values: Mapping[str, Any]) -> Order:
    """The order that a checkpoint holds."""
    return Order(
        id=values["id"],
        request=request_from_plain(values["request"]),
        intended_at=unstamp(values["intended_at"]),
        status=OrderStatus(values["status"]),
        order_number=values["order_number"],
        filled=values["filled"],
        filled_amount=values["filled_amount"],
        reason=RefusalReason(values["reason"]) if values["reason"] else None,
        message=values["message"],
        done_at=unstamp(values["done_at"]) if values["done_at"] else None,
    )


# What each journaled message needs beyond JSON; fields not named here are plain already.
_CONVERT: Mapping[type, Mapping[str, Callable[[Any], Any]]] = {
    MarketStatus: {"phase": Phase},
    CorporateAction: {"kind": ActionKind},
    CashMoved: {"reason": CashReason},
    Fill: {"side": Side},
    OrderIntended: {"request": request_from_plain},
    OrderAccepted: {},
    OrderRefused: {"reason": RefusalReason},
    OrderUnknown: {},
    OrderNotSent: {},
    OrderAmended: {},
    OrderCancelled: {},
    OrderExpired: {},
    Timer: {},
    PlanReady: {"deadline": unstamp},
}


def kind_of(message: type) -> str:
    """The name of a message in the journal.

    >>> kind_of(OrderAccepted)
    'order_accepted'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "_", message.__name__).lower()


_KIND = {message: kind_of(message) for message in _CONVERT}
_MESSAGE = {kind: message for message, kind in _KIND.items()}
_FIELDS = {message: [field.name for field in fields(message) if field.name != "time"] for message in _CONVERT}
EVENT_KINDS = frozenset(_MESSAGE)


def encode(event: Event) -> tuple[str, str]:
    """Kind and payload of an event; its time has a column of its own. Market data raises `BadInput`."""
    kind = _KIND.get(type(event))
    if kind is None:
        raise BadInput(
            f"A {type(event).__name__} is not journaled: market data stays in its dataset, and the "
            f"ledger keeps only the hash of what a decision saw."
        )
    return kind, canonical_json({name: getattr(event, name) for name in _FIELDS[type(event)]})


def decode(kind: str, time: datetime, values: Mapping[str, Any]) -> Event:
    """The event of a journal row."""
    message = _MESSAGE.get(kind)
    if message is None:
        raise DataError(f'The journal holds an event of the unknown kind "{kind}". Use a newer version of Geoul.')
    convert = _CONVERT[message]
    arguments = {name: convert[name](value) if name in convert else value for name, value in values.items()}
    event: Event = message(time=time, **arguments)
    return event
