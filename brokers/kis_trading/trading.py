"""A trader that runs until it is told to stop, or until a served world has no data left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from brokers.kis.broker import KisBroker
from brokers.kis.errors import KisError
from brokers.kis_trading.world_partner import WorldPartner
from engine.ledger.ledger import Ledger
from engine.reports.language import Lang
from engine.trading.freed_memory import give_back_now
from engine.trading.monitor import Monitor
from engine.trading.schedule import Schedule
from engine.trading.supervisor import Supervisor
from engine.trading.trader import Trader
from engine.trading.unforeseen_end import tell_return

_WAIT_SECONDS = 1.0
_WORLD_WAIT_SECONDS = 0.05


@dataclass
class Trading:
    """A trader that is ready to run.

    Args:
        trader: the loop.
        ledger: of the account.
        broker: the adapter.
        tell: is told one line for people at a time.
        supervisor: hears people and holds back what the level does not allow.
        monitor: looks at how all this is doing.
        schedule: the regular work.
        world: the served world that we step with; None where time is real.
        lang: of texts.
    """

    trader: Trader
    ledger: Ledger
    broker: KisBroker
    tell: Callable[[str], None]
    supervisor: Supervisor
    monitor: Monitor
    schedule: Schedule
    world: WorldPartner | None = None
    lang: Lang = "ko"
    begun: bool = field(default=False, init=False)

    def run(self, stop: Callable[[], bool]) -> None:
        """Trade until told to stop, or until a served world has no data left."""
        if not self.begun:
            self.trader.begin()
            tell_return(self.ledger, self.lang)
            give_back_now()
            self.begun = True
        wait = _WAIT_SECONDS if self.world is None else _WORLD_WAIT_SECONDS
        silent = False
        while not stop():
            try:
                self.trader.turn(wait)
                self.monitor.look(self.trader)
            except KisError as error:  # the served world has gone: without time nothing can be done
                if not silent:
                    self.tell(str(error))
                silent = True
                time.sleep(_WAIT_SECONDS)
                continue
            silent = False
            if self.world is not None and self.world.has_ended:
                self.trader.turn(0.0)
                return
