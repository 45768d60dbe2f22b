"""The line to KIS: REST and stream of one account, measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from brokers.kis.rest import KisRest
from brokers.kis.websocket import RealtimeSocket
from brokers.kis_trading.account_folder import place_digest
from brokers.kis_trading.measuring import losses, measured_session
from brokers.kis_trading.plan import TradingPlan
from engine.trading.api_meter import ApiMeter

_GLANCE_SECONDS = 0.01


@dataclass(frozen=True)
class Line:
    """How an account reaches KIS.

    Args:
        rest: asks and orders.
        socket: hears; not connected yet.
        meter: counts how the calls went.
    """

    rest: KisRest
    socket: RealtimeSocket
    meter: ApiMeter

    def has_settled(self) -> bool:
        """Whether the stream is there with every name that was asked for, as far as KIS has places."""
        return self.socket.has_settled()


def open_line(plan: TradingPlan) -> Line:
    """The line of an account; nothing is sent yet."""
    meter = ApiMeter(plan.steady)
    session = measured_session(meter)
    rest = KisRest(plan.config, plan.clock, session=session, sleep=plan.sleep, observe=losses(meter))
    settings = plan.config.stream_settings()
    if plan.world is not None:  # it stands until every name is registered, which must not wait for a glance
        settings = replace(settings, poll_seconds=_GLANCE_SECONDS)
    socket = RealtimeSocket(
        url=plan.config.websocket_url,
        approval_key=lambda renew: rest.approval_key().get_secret_value(),
        clock=plan.clock,
        generator=np.random.default_rng(int.from_bytes(place_digest(plan.folder)[:4], "big")),
        settings=settings,
    )
    return Line(rest, socket, meter)
