"""A trader at KIS is opened: its parts in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date

import structlog

from brokers.graph_replay import PanelPrices
from brokers.kis.broker import KisBroker
from brokers.kis.world_clock import WorldClock
from brokers.kis_trading.account_folder import DATA, LEDGER, claim_folder, hold_folder, place_digest
from brokers.kis_trading.history import KisHistoryFolder, sessions_needed
from brokers.kis_trading.line import Line, open_line
from brokers.kis_trading.logged_books import LoggedBooks
from brokers.kis_trading.market_relay import MarketRelay
from brokers.kis_trading.measuring import feed_of
from brokers.kis_trading.mirroring import mirror_session
from brokers.kis_trading.plan import TradingPlan
from brokers.kis_trading.regular_work import regular_work
from brokers.kis_trading.right_clock import GivenTime, RightClock, require_right_clock
from brokers.kis_trading.trading import Trading
from brokers.kis_trading.world_partner import WorldPartner
from brokers.replay import ReplayBroker
from engine.data.panel import Panel
from engine.ledger.ledger import Ledger, open_ledger
from engine.log_files import LogFiles, log_told, make_file_logger
from engine.rules.prompt import load_rules
from engine.steady_clock import SteadyClock
from engine.trading.freed_memory import give_back_now
from engine.trading.health_limits import load_health_limits
from engine.trading.limits_gate import LimitsGate
from engine.trading.monitor import Monitor
from engine.trading.monitoring import MarketWatch
from engine.trading.order_gate import OrderGates
from engine.trading.ports import Alone
from engine.trading.prompts import rules_in_force
from engine.trading.schedule import Schedule
from engine.trading.sound_ledger import require_sound
from engine.trading.supervision_book import SupervisionBook
from engine.trading.supervisor import Supervisor
from engine.trading.trader import Trader, TradingSetup
from engine.trading.unforeseen_end import telling_why
from engine.trading.volume_profile import VolumeProfile
from engine.trading.watch_list import load_watch_list

Logger = structlog.typing.FilteringBoundLogger


@contextmanager
def open_trading(plan: TradingPlan) -> Iterator[Trading]:
    """Put everything together; on leaving, connections are closed and orders stay where they are.

    Raises:
        ConfigError: another process trades in this folder.
        GeoulError: configuration, rules, data or venue cannot be used.
    """
    with ExitStack() as stack:
        stack.enter_context(hold_folder(plan.folder))
        claim_folder(plan.folder, plan.config)
        logger = _logger(stack, plan)
        plan = replace(plan, tell=log_told(plan.tell, logger))
        sessions = sessions_needed(load_rules(plan.prompt))
        require_sound(plan.folder / LEDGER, plan.clock)
        ledger = stack.enter_context(open_ledger(plan.folder / LEDGER, plan.clock))
        stack.enter_context(telling_why(ledger, plan.tell, plan.lang))
        supervisor = _supervisor(stack, plan, ledger)
        watch_list = load_watch_list(plan.folder)
        world = _world(stack, plan)
        line = open_line(plan)
        if not isinstance(plan.clock, WorldClock):
            require_right_clock(line.rest)
        right = _right_clock(plan, ledger, line)
        monitor = _monitor(plan, ledger, supervisor, line, right)
        history = _history(plan, line, supervisor, monitor, sessions)
        monitor.on_closes(history.bring_up())
        stack.callback(monitor.end)
        gate = LimitsGate(ledger, plan.clock, plan.settings.limits, plan.lang)
        profile = VolumeProfile(plan.folder)
        watch = MarketWatch(ledger, plan.clock, profile, history.class_of, plan.tell, plan.lang)
        relay = MarketRelay(watch, monitor, gate, plan.lang, plan.world)
        broker = _broker(stack, plan, LoggedBooks(ledger, logger), line, history, relay)
        schedule = regular_work(plan, ledger, history)
        stack.callback(schedule.close)
        if world is not None:
            _follow(world, broker, line, schedule)

        def after_close(session: date, panel: Panel) -> None:
            mirror_session(plan, ledger, session, panel)
            supervisor.review()
            monitor.on_closes(panel)
            give_back_now()

        def each_turn() -> None:
            watch.turn()
            schedule.turn()

        relay.trader = Trader(
            TradingSetup(
                ledger=ledger,
                venue=broker,
                history=history,
                clock=plan.clock,
                rules=lambda: rules_in_force(plan.prompt, ledger),
                config=plan.settings,
                timetable=plan.timetable,
                view_of=ReplayBroker,
                prices_of=lambda panel: PanelPrices(panel, plan.settings.delisting_haircut),
                planner=plan.planner,
                gate=OrderGates([right, gate]),
                oversight=supervisor,
                after_close=after_close,
                partner=Alone() if world is None else world,
                knows_time=right,
                each_turn=each_turn,
                tell=plan.tell,
                watch_list=watch_list,
                adopt=plan.adopt,
                lang=plan.lang,
            )
        )
        broker.guard_while_waiting(relay.trader.guard)
        yield Trading(
            trader=relay.trader,
            ledger=ledger,
            broker=broker,
            tell=plan.tell,
            supervisor=supervisor,
            monitor=monitor,
            schedule=schedule,
            world=world,
            lang=plan.lang,
        )


def _logger(stack: ExitStack, plan: TradingPlan) -> Logger:
    files = LogFiles(plan.folder)
    stack.callback(files.close)
    return make_file_logger(files, plan.clock, plan.config.secrets())


def _supervisor(stack: ExitStack, plan: TradingPlan, ledger: Ledger) -> Supervisor:
    book = SupervisionBook(
        plan.folder,
        ledger,
        plan.clock,
        plan.config.environment,
        tell=plan.tell,
        lang=plan.lang,
        first_level=plan.first_level,
    )
    supervisor = Supervisor(book)
    stack.callback(supervisor.close)
    return supervisor


def _right_clock(plan: TradingPlan, ledger: Ledger, line: Line) -> RightClock | GivenTime:
    if not isinstance(plan.clock, SteadyClock):
        return GivenTime()
    return RightClock(plan.clock, line.rest, ledger, tell=plan.tell, lang=plan.lang, steady=plan.steady)


def _monitor(
    plan: TradingPlan, ledger: Ledger, supervisor: Supervisor, line: Line, right: RightClock | GivenTime
) -> Monitor:
    return Monitor(
        plan.folder,
        ledger,
        plan.clock,
        plan.config.environment,
        supervisor=supervisor,
        timetable=plan.timetable,
        limits=load_health_limits(plan.folder),
        api=line.meter,
        steady=plan.steady,
        feed=feed_of(line.socket, leaps=plan.world is not None),
        drift=right.drift,
    )


def _history(
    plan: TradingPlan, line: Line, supervisor: Supervisor, monitor: Monitor, sessions: int
) -> KisHistoryFolder:
    def progress(what: str, done: int, total: int) -> None:
        supervisor.beat()  # a long download is no silence
        monitor.alive()
        if plan.progress is not None:
            plan.progress(what, done, total)

    return KisHistoryFolder(plan.folder / DATA, line.rest, plan.clock, plan.tickers, sessions, progress)


def _broker(
    stack: ExitStack, plan: TradingPlan, books: LoggedBooks, line: Line, history: KisHistoryFolder, relay: MarketRelay
) -> KisBroker:
    broker = KisBroker(
        line.rest,
        books,
        plan.clock,
        stream=line.socket,
        class_of=history.class_of,
        on_market=relay,
        order_books=False,
        sleep=plan.sleep,
    )
    stack.callback(broker.close)
    return broker


def _world(stack: ExitStack, plan: TradingPlan) -> WorldPartner | None:
    """The served world that we step with; None where time is real."""
    clock = plan.world
    if clock is None:
        return None
    name = f"geoul {place_digest(plan.folder).hex()[:8]}"
    world = WorldPartner(plan.config.rest_url, plan.config.app_key, name, clock)
    stack.callback(world.leave)
    return world


def _follow(world: WorldPartner, broker: KisBroker, line: Line, schedule: Schedule) -> None:
    def taken() -> int:
        return broker.records_taken + line.socket.status().repeated_trades

    world.follow(
        taken,
        line.has_settled,
        lambda: line.socket.status().sessions,
        lambda: (schedule.is_busy, schedule.next_due),
    )
