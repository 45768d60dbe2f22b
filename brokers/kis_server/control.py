"""The control of the world under `/_world`: its clock, its steps, who takes part, what goes wrong.

    GET    /_world/clock                time, phase, sequence; ?after=N&wait=S answers at the first step after N
    POST   /_world/advance              {"to": ISO time} | {"until": "step|morning|open|close|evening"} | {"bars": n} |
                                        {"steps": n}; answers when registered clients have acknowledged every step
    POST   /_world/clients              {"name": …, "app_key": …}: from now on the world waits for this client;
                                        with "ready": false before the very next step too
    DELETE /_world/clients/NAME         no more
    POST   /_world/acknowledge          {"name": …, "sequence": n}: handled; with "wait": S answers at the next step;
                                        "seen": the time of the clock up to which; "due": ISO time or null, a night
                                        that passes at once halts there until it is acknowledged with that time seen
    POST   /_world/speed                {"speed": 0 | 1 | N}
    GET    /_world/faults               rules in force, how often each fault struck, all there are
    POST   /_world/faults               a list of rules, or {"now": "socket_cut" | "token_expired"}
    GET    /_world/accounts             money, holdings and orders of today

A client has handled a step when it has read as many frames as the clock says were sent to its app key (`frames`) and
has done what it does about them. When `life` of the clock has grown, the server was started again: the world is the
same, but all sockets are gone, and frames are counted from 0. Connect and subscribe, then register once more and count
from the `frames` of that answer; until then the world waits, and acknowledgements are refused. Notices that were on
their way are not sent again: ask REST what became of the orders.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from brokers.kis_server.clients import Clients
from brokers.kis_server.faults import FAULTS, Faults, read_rules
from brokers.kis_server.pace import Pace
from brokers.kis_server.rest import Rest
from brokers.kis_server.served_account import ServedAccount
from brokers.kis_server.stream import Stream
from brokers.kis_server.world import World
from engine.clock import KST
from engine.errors import BadInput

PREFIX = "/_world"
_LONGEST_WAIT = 60.0


class Control:
    """Answers what is asked under `/_world`."""

    def __init__(
        self,
        world: World,
        pace: Pace,
        clients: Clients,
        rest: Rest,
        stream: Stream,
        faults: Faults,
        life: Callable[[], int],
    ) -> None:
        self._life = life
        self._world, self._pace, self._clients = world, pace, clients
        self._rest, self._stream, self._faults = rest, stream, faults

    async def answer(self, method: str, path: str, query: Mapping[str, str], content: Any) -> object:
        """The JSON to answer.

        Raises:
            BadInput: no such place, or an impossible value.
            ClientsBusy: see `Pace.advance`.
        """
        asked = (method, path.removeprefix(PREFIX).strip("/"))
        if asked == ("GET", "clock"):
            await self._wait(query.get("after"), query.get("wait"))
            return self.clock(query.get("client", ""))
        if asked == ("GET", "faults"):
            return self._told_faults()
        if asked == ("GET", "accounts"):
            return [self._told_account(account) for account in self._world.accounts.values()]
        if method == "DELETE" and asked[1].startswith("clients/"):
            await self._clients.leave(asked[1].removeprefix("clients/"))
            self._pace.has_company = len(self._clients) > 0
            return self.clock()
        if asked == ("POST", "faults") and isinstance(content, list):
            self._faults.use(read_rules(content))
            return self._told_faults()
        if not isinstance(content, dict):
            raise BadInput(f"{method} {path} needs a JSON object.")
        if asked == ("POST", "advance"):
            await self._advance(content)
            return self.clock()
        if asked == ("POST", "clients"):
            name = str(content.get("name", ""))
            waits = content.get("ready") is False  # it has yet to acknowledge the step at which the world stands
            await self._clients.register(name, str(content.get("app_key", "")), self._world.sequence - waits)
            self._pace.has_company = True
            return self.clock(name)
        if asked == ("POST", "acknowledge"):
            name, sequence = str(content.get("name", "")), _number(content, "sequence")
            times = (None if content.get(each) is None else _instant(content[each]) for each in ("seen", "due"))
            await self._clients.acknowledge(name, int(sequence), *times)
            if "wait" in content:
                await self._wait(str(int(sequence)), str(content["wait"]))
            return self.clock(name)
        if asked == ("POST", "speed"):
            self._pace.speed = _number(content, "speed")
            self._pace.has_company = True  # whoever says how fast wants it to go
            return self.clock()
        if asked == ("POST", "faults"):
            return self._strike_now(content)
        raise BadInput(f"There is no {method} {path}. Read GET / for what there is.")

    def clock(self, client: str = "") -> dict[str, object]:
        """Where the world stands, as clients see it."""
        world = self._world
        coming, busy = world.next_step, self._clients.busy(world.sequence)
        known = self._clients.find(client)
        if client:
            frames: object = 0 if known is None else self._stream.frames(known.key_hash)
        else:
            frames = {one.name: self._stream.frames(one.key_hash) for one in self._clients}
        return {
            "time": world.wire_now().isoformat(),
            "data_time": world.now().isoformat(),
            "session": world.dates.out_day(world.path.sessions[world.session]).isoformat(),
            "phase": world.phase,
            "sequence": world.sequence,
            "next": None if coming is None else world.dates.out(coming.time).isoformat(),
            "ended": self._pace.has_ended,
            "speed": self._pace.speed,
            "busy": busy,
            "stands": bool(busy) or self._pace.speed <= 0 or self._pace.has_ended or self._pace.is_alone,
            "alone": self._pace.is_alone,
            "silent": self._clients.silence(world.sequence),
            "frames": frames,
            "life": self._life(),
            "sockets": self._stream.sockets,
        }

    async def _wait(self, after: str | None, wait: str | None) -> None:
        if after is None or wait is None:
            return
        try:
            sequence, seconds = int(after), float(wait)
        except ValueError:
            raise BadInput("after and wait are numbers, such as ?after=12&wait=5.") from None
        if not 0 <= seconds <= _LONGEST_WAIT:
            raise BadInput(f"The clock can be waited for 0 to {_LONGEST_WAIT:g} seconds, not {seconds:g}.")
        await self._pace.next_step_after(sequence, seconds)

    async def _advance(self, content: Mapping[str, Any]) -> None:
        world = self._world
        ways = [name for name in ("to", "until", "bars", "steps") if name in content]
        if len(ways) != 1:
            raise BadInput('Say one of {"to": …}, {"until": …}, {"bars": n}, {"steps": n}.')
        if ways == ["steps"]:
            await self._pace.steps(int(_number(content, "steps")))
        elif ways == ["bars"]:
            await self._pace.advance(world.time_of_bar(int(_number(content, "bars"))))
        elif ways == ["until"]:
            await self._pace.advance(world.time_of(str(content["until"])))
        else:
            await self._pace.advance(world.dates.into(_instant(content["to"])))

    def _strike_now(self, content: Mapping[str, Any]) -> dict[str, object]:
        if content.get("now") == "socket_cut":
            return {"struck": self._stream.cut()}
        if content.get("now") == "token_expired":
            return {"struck": self._rest.access.expire_tokens()}
        raise BadInput('Say {"now": "socket_cut"} or {"now": "token_expired"}, or send a list of rules.')

    def _told_faults(self) -> dict[str, object]:
        return {
            "rules": [rule.model_dump() for rule in self._faults.rules],
            "struck": dict(self._faults.struck),
            "known": {
                name: {
                    "strikes": kind.strikes.value,
                    "effect": kind.effect.value,
                    "ko": kind.korean,
                    "en": kind.english,
                }
                for name, kind in FAULTS.items()
            },
        }

    def _told_account(self, account: ServedAccount) -> dict[str, object]:
        market, money = self._world.market, account.money()
        holdings = [
            {
                "ticker": market.panel.tickers[col],
                "name": market.names[col],
                "quantity": account.held(col),
                "cost": account.cost(col),
                "value": int(market.last[col]) * account.held(col),
            }
            for col in account.holdings()
        ]
        today = self._world.now().date()
        orders = [
            {
                "number": order.number,
                "time": order.sent_at.strftime("%H:%M:%S"),
                "ticker": order.ticker,
                "name": market.names[order.col],
                "side": order.side.value,
                "request": order.request,
                "kind": order.kind.korean,
                "price": order.price,
                "quantity": order.quantity,
                "filled": account.filled(order),
                "rest": account.rest(order),
            }
            for order in account.orders.between(today, today)
        ]
        return {
            "number": account.setup.number,
            "environment": account.setup.environment,
            "deposit": money.deposit,
            "deposit_d2": money.deposit_d2,
            "orderable": money.orderable,
            "value": sum(int(market.last[col]) * account.held(col) for col in account.holdings()),
            "holdings": holdings,
            "orders": orders[::-1][:50],
        }


def _number(content: Mapping[str, Any], name: str) -> float:
    value = content.get(name)
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not 0 <= value <= 1_000_000:  # type: ignore[operator]
        raise BadInput(f"{name} = {value!r}: give a number from 0 to 1,000,000.")
    return float(value)  # type: ignore[arg-type]


def _instant(text: object) -> datetime:
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        raise BadInput(f"{text!r} is no ISO time, such as 2024-03-05T09:00:00+09:00.") from None
    return instant.replace(tzinfo=KST) if instant.tzinfo is None else instant.astimezone(KST)
