"""Trading at KIS: adapter, ledger, downloaded history, graph and timetable put together.

    with open_trading(plan) as trading:
        trading.run(stop=lambda: False)

One folder holds everything of an account: its ledger and the dataset that its decisions look at. A second process on
the same folder is refused.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import requests
from filelock import FileLock, Timeout
from pydantic import SecretStr

from brokers.graph_replay import PanelPrices
from brokers.kis.broker import KisBroker, MarketNews
from brokers.kis.config import KisConfig
from brokers.kis.download import update_dataset
from brokers.kis.environment import LIVE
from brokers.kis.errors import KisError
from brokers.kis.realtime import Trade
from brokers.kis.rest import KisRest
from brokers.kis.stream_reports import Gap
from brokers.kis.subscriptions import PLACES
from brokers.kis.websocket import RealtimeSocket
from brokers.kis.world_clock import WorldClock
from brokers.kis_logged_books import LoggedBooks
from brokers.kis_measuring import feed_of, losses, measured_session
from brokers.kis_watching import watch_news
from brokers.replay import ReplayBroker
from engine.broker import Broker
from engine.clock import Clock
from engine.config import BacktestConfig
from engine.data.atomic import atomic_path
from engine.data.panel import Panel, load_panel
from engine.errors import BadInput, ConfigError
from engine.krx.instrument_class import InstrumentClass, instrument_class
from engine.krx.sessions import offset_session, previous_session
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.trades import PriceAt
from engine.log_files import LogFiles, log_told, make_file_logger
from engine.operating.desk import Planner
from engine.reports.language import Lang
from engine.rules.lookback import lookback_bars
from engine.rules.prompt import load_rules
from engine.rules.tree import RuleSet
from engine.rules.walk import rule_expressions
from engine.simulation import Simulation
from engine.trading.account_jobs import RegularWork, WorkPlace, jobs_of, quiet_hours
from engine.trading.api_meter import ApiMeter
from engine.trading.autonomy import Level
from engine.trading.decision import RulesInForce
from engine.trading.health_limits import load_health_limits
from engine.trading.limits_gate import LimitsGate
from engine.trading.mirror import mirror_day
from engine.trading.mirror_store import MirrorStore
from engine.trading.monitor import Monitor
from engine.trading.monitoring import MarketWatch
from engine.trading.ports import Alone, Partner
from engine.trading.prompts import rules_in_force
from engine.trading.schedule import Schedule
from engine.trading.schedule_store import ScheduleStore
from engine.trading.supervisor import Supervisor
from engine.trading.texts import UNEXPLAINED
from engine.trading.timetable import AFTER_OPEN, Timetable
from engine.trading.trader import Trader, TradingSetup
from engine.trading.volume_profile import VolumeProfile

LEDGER, DATA, LOCK, OWNER = "ledger.db", "data", ".lock", "account.json"
_LEAST_HISTORY = 60  # sessions: the index's mean and volatility look back on 20
_SPARE_HISTORY = 10
_WAIT_SECONDS = 1.0
_WORLD_WAIT_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class TradingPlan:
    """What is traded, where, and by which rules.

    Args:
        folder: of the account.
        config: of the adapter.
        prompt: the decision prompt.
        settings: costs and limits.
        tickers: names that are looked at; needed at the first start only.
        clock: of the venue's world.
        sleep: waits that many seconds of its time.
        adopt: holdings that are there at the first start become ours.
        planner: makes the planner of a decision; None lets the rules stand.
        tell: is told one line for people at a time.
        progress: of downloads: what, done, in all.
        lang: of texts.
        first_level: of an account that was never given a level of autonomy; None = LV3 on paper, LV2 live.
        steady: seconds of a clock that never jumps.
        work: backups and the like, beside the decisions; None = nothing.
    """

    folder: Path
    config: KisConfig
    prompt: Path
    settings: BacktestConfig
    tickers: Sequence[str] | None
    clock: Clock
    sleep: Callable[[float], None] = time.sleep
    adopt: bool = False
    planner: Callable[[RulesInForce, Panel], Planner] | None = None
    tell: Callable[[str], None] = print
    progress: Callable[[str, int, int], None] | None = None
    lang: Lang = "ko"
    first_level: Level | None = None
    steady: Callable[[], float] = time.monotonic
    work: RegularWork | None = None


class KisHistoryFolder:
    """The dataset of an account, kept up to date from KIS.

    Args:
        folder: of the dataset.
        rest: asks KIS.
        clock: tells which sessions are finished.
        tickers: names; None = those of the dataset.
        sessions: how many to begin with.
        progress: is told what is being fetched.
    """

    def __init__(
        self,
        folder: Path,
        rest: KisRest,
        clock: Clock,
        tickers: Sequence[str] | None,
        sessions: int,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._folder, self._rest, self._clock = folder, rest, clock
        self._tickers, self._sessions, self._progress = tickers, sessions, progress
        self._known: tuple[date, Panel] | None = None
        self.classes: dict[str, InstrumentClass] = {}

    def bring_up(self) -> Panel:
        """Fetch what is missing, and map the whole history."""
        wanted = self._clock.now()
        is_new = not (self._folder / "manifest.json").is_file()
        if is_new and not self._tickers:
            raise BadInput("Which names? The first start needs --ticker, --universe or --data.")
        start = offset_session(previous_session(wanted.date()), -self._sessions) if is_new else None
        summary = update_dataset(
            self._folder, self._rest, self._clock, self._tickers if is_new else None, start, progress=self._progress
        )
        if self._known is None or self._known[0] != summary.last:
            panel = load_panel(self._folder, allow_gaps=True)
            kinds = zip(panel.tickers, panel.instruments["market"], panel.instruments["product"], strict=True)
            self.classes = {ticker: instrument_class(market, product) for ticker, market, product in kinds}
            self._known = summary.last, panel
        return self._known[1]

    def class_of(self, ticker: str) -> InstrumentClass:
        """Instrument class, for the estimate of costs."""
        return self.classes.get(ticker, InstrumentClass.KOSPI_STOCK)


class WorldPartner:
    """Steps together with a served world: it goes on when we have read and handled everything it has sent us.

    Args:
        url: base address of the server.
        app_key: whose frames are counted.
        name: under which we take part.
        taken: how many records of the stream we have handled.
        settled: whether every name that we asked for is registered, so that nothing of the next step is missed.
        clock: is told to look again.
        wait_seconds: how long to wait for the next step, of real time.
    """

    def __init__(
        self,
        url: str,
        app_key: SecretStr,
        name: str,
        taken: Callable[[], int],
        settled: Callable[[], bool],
        clock: WorldClock,
        wait_seconds: float = 0.5,
    ) -> None:
        self._url, self._name, self._taken, self._clock = url.rstrip("/"), name, taken, clock
        self._settled = settled
        self._wait_seconds = wait_seconds
        self._app_key = app_key
        self._session = requests.Session()
        self._session.trust_env = False
        self._before = self._sequence = self._frames = 0
        self.has_ended = self.stands = False
        self._register()

    def _register(self) -> None:
        key = self._app_key.get_secret_value()
        told = self._ask("POST", "clients", {"name": self._name, "app_key": key, "ready": False})
        self._before = int(told["frames"]) - self._taken()  # frames of an earlier connection under this key

    def look(self) -> None:
        """Note the step at which the turn begins, and the time."""
        told = self._ask("GET", f"clock?client={self._name}")
        self.has_ended, self.stands = bool(told["ended"]), bool(told["stands"])
        self._sequence, self._frames = int(told["sequence"]), int(told["frames"]) - self._before
        self._clock.refresh()

    def handled(self) -> None:
        """Acknowledge that step if all of it has arrived, and wait a moment for the next one."""
        if self._taken() >= self._frames and self._settled():
            seen = {"name": self._name, "sequence": self._sequence, "wait": self._wait_seconds}
            told = self._ask("POST", "acknowledge", seen)
            if "error" in told:  # the server has been started again and does not know us
                self._register()

    def leave(self) -> None:
        """The world need not wait for us any more."""
        with suppress(KisError):  # a world that has gone waits for nobody
            self._ask("DELETE", f"clients/{self._name}")
        self._session.close()

    def _ask(self, method: str, path: str, content: object = None) -> dict[str, Any]:
        try:
            answer = self._session.request(method, f"{self._url}/_world/{path}", json=content, timeout=60)
            told: dict[str, Any] = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise KisError(f"The world at {self._url} does not answer ({type(error).__name__}).") from None
        return told


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
    """

    trader: Trader
    ledger: Ledger
    broker: KisBroker
    tell: Callable[[str], None]
    supervisor: Supervisor
    monitor: Monitor
    schedule: Schedule
    world: WorldPartner | None = None
    begun: bool = field(default=False, init=False)

    def run(self, stop: Callable[[], bool]) -> None:
        """Trade until told to stop, or until a served world has no data left."""
        if not self.begun:
            self.trader.begin()
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


@contextmanager
def open_trading(plan: TradingPlan) -> Iterator[Trading]:
    """Put everything together; on leaving, connections are closed and orders stay where they are.

    Raises:
        ConfigError: another process trades in this folder.
        GeoulError: configuration, rules, data or venue cannot be used.
    """
    with ExitStack() as stack:
        plan.folder.mkdir(parents=True, exist_ok=True)
        try:
            stack.enter_context(FileLock(plan.folder / LOCK, timeout=0))
        except Timeout:
            raise ConfigError(
                f"Another process is trading in {plan.folder}. Stop it first: two would send every order twice."
            ) from None
        claim_folder(plan.folder, plan.config)
        files = LogFiles(plan.folder)
        stack.callback(files.close)
        logger = make_file_logger(files, plan.clock, plan.config.secrets())
        plan = replace(plan, tell=log_told(plan.tell, logger))
        rules = load_rules(plan.prompt)
        _check_interval(rules)
        ledger = stack.enter_context(open_ledger(plan.folder / LEDGER, plan.clock))
        supervisor = Supervisor(
            plan.folder,
            ledger,
            plan.clock,
            plan.config.environment,
            tell=plan.tell,
            lang=plan.lang,
            first_level=plan.first_level,
        )
        stack.callback(supervisor.close)
        limits, meter = load_health_limits(plan.folder), ApiMeter(plan.steady)
        session = measured_session(meter)
        rest = KisRest(plan.config, plan.clock, session=session, sleep=plan.sleep, observe=losses(meter))
        sessions = _history_of(rules)

        def progress(what: str, done: int, total: int) -> None:
            supervisor.beat()  # a long download is no silence
            monitor.alive()
            if plan.progress is not None:
                plan.progress(what, done, total)

        history = KisHistoryFolder(plan.folder / DATA, rest, plan.clock, plan.tickers, sessions, progress)
        socket = _socket(plan, rest)
        monitor = Monitor(
            plan.folder,
            ledger,
            plan.clock,
            plan.config.environment,
            supervisor=supervisor,
            timetable=_timetable(plan),
            limits=limits,
            api=meter,
            steady=plan.steady,
            feed=feed_of(socket),
            drift=lambda: rest.clock_difference,
        )
        monitor.on_closes(history.bring_up())
        stack.callback(monitor.end)
        gate = LimitsGate(ledger, plan.clock, plan.settings.limits, plan.lang)
        profile = VolumeProfile(plan.folder)
        watch = MarketWatch(ledger, plan.clock, profile, history.class_of, plan.tell, plan.lang)
        trader: list[Trader] = []

        def on_market(news: MarketNews) -> None:
            watch_news(watch, news, plan.lang)
            if isinstance(news, Trade) and not news.is_expected and trader:
                trader[0].orders.on_trade(news.ticker, news.price, news.open)
                monitor.on_trade(news.ticker, news.price)
                gate.on_trade(news.ticker, news.price)
            elif isinstance(news, Gap) and trader:
                trader[0].has_missed_trades = True

        broker = KisBroker(
            rest,
            LoggedBooks(ledger, logger),
            plan.clock,
            stream=socket,
            class_of=history.class_of,
            on_market=on_market,
            order_books=False,
            sleep=plan.sleep,
        )
        stack.callback(broker.close)
        world = None
        if isinstance(plan.clock, WorldClock):
            name = f"geoul {hashlib.sha256(str(plan.folder.resolve()).encode()).hexdigest()[:8]}"
            taken = _taken(broker, socket)
            world = WorldPartner(plan.config.rest_url, plan.config.app_key, name, taken, _settled(socket), plan.clock)
            stack.callback(world.leave)
        partner: Partner = world if world is not None else Alone()

        def after_close(session: date, panel: Panel) -> None:
            mirror_session(plan, ledger, session, panel)
            supervisor.review()
            monitor.on_closes(panel)

        schedule = _schedule(plan, ledger, history)
        stack.callback(schedule.close)

        def each_turn() -> None:
            watch.turn()
            schedule.turn()

        setup = TradingSetup(
            ledger=ledger,
            venue=broker,
            history=history,
            clock=plan.clock,
            rules=lambda: rules_in_force(plan.prompt, ledger),
            config=plan.settings,
            timetable=_timetable(plan),
            view_of=_as_broker,
            prices_of=lambda panel: _prices(panel, plan.settings),
            planner=plan.planner,
            gate=gate,
            oversight=supervisor,
            after_close=after_close,
            partner=partner,
            each_turn=each_turn,
            tell=plan.tell,
            adopt=plan.adopt,
            lang=plan.lang,
        )
        trader.append(Trader(setup))
        yield Trading(
            trader=trader[0],
            ledger=ledger,
            broker=broker,
            tell=plan.tell,
            supervisor=supervisor,
            monitor=monitor,
            schedule=schedule,
            world=world,
        )


def _schedule(plan: TradingPlan, ledger: Ledger, history: KisHistoryFolder) -> Schedule:
    """The regular work of the account."""

    def last_session() -> date:
        panel = history.bring_up()
        return panel.session_date(panel.rows - 1)

    def warn(code: str, text: str, values: dict[str, object]) -> None:
        record_alert(ledger, Urgency.WARNING, code, text, values)

    place = WorkPlace(
        folder=plan.folder,
        ledger=ledger,
        prompt=plan.prompt,
        settings=plan.settings,
        bring_up=last_session,
        lang=plan.lang,
    )
    return Schedule(
        jobs=[] if plan.work is None else jobs_of(plan.work, place),
        clock=plan.clock,
        store=ScheduleStore(plan.folder),
        is_quiet=quiet_hours(_timetable(plan)),
        tell=plan.tell,
        warn=warn,
        lang=plan.lang,
        steady=plan.steady,
    )


def mirror_session(plan: TradingPlan, ledger: Ledger, session: date, panel: Panel) -> None:
    """Replay a closed session beside what happened, keep the comparison, and warn of what nothing explains."""
    settings = plan.settings.model_copy(update={"venue": venue_of(plan.folder)})
    day = mirror_day(ledger, panel, settings, session)
    MirrorStore(plan.folder).keep([day])
    if not day.is_explained:
        text = UNEXPLAINED(plan.lang).format(session=session)
        plan.tell(text)
        record_alert(ledger, Urgency.WARNING, "mirror_unexplained", text, {"session": session.isoformat()})


def claim_folder(folder: Path, config: KisConfig) -> None:
    """Note whose folder this is; another account, or the same in the other environment, is refused.

    Raises:
        ConfigError: the folder belongs to another account.
    """
    number = config.account.get_secret_value() + config.product
    mark = hashlib.sha256(f"{config.environment} {number}".encode()).hexdigest()[:16]  # the number itself is a secret
    path = folder / OWNER
    if not path.is_file():
        with atomic_path(path) as part:
            part.write_text(json.dumps({"environment": config.environment, "account": mark}) + "\n", encoding="utf-8")
        return
    if json.loads(path.read_text(encoding="utf-8")) != {"environment": config.environment, "account": mark}:
        raise ConfigError(
            f"{folder} holds the ledger of another account or environment. Give each account a --folder of its own."
        )


def venue_of(folder: Path) -> Literal["krx", "paper"]:
    """The venue profile under which the account of a folder trades."""
    told = json.loads((folder / OWNER).read_text(encoding="utf-8"))
    return "paper" if told["environment"] == "paper" else "krx"


def _timetable(plan: TradingPlan) -> Timetable:
    """The paper account takes no orders before the open; a served world takes its next step hours later."""
    waits = timedelta(0) if isinstance(plan.clock, WorldClock) else AFTER_OPEN
    return Timetable(before_open=plan.config.world is LIVE, after_open=waits)


def _socket(plan: TradingPlan, rest: KisRest) -> RealtimeSocket:
    seed = int.from_bytes(hashlib.sha256(str(plan.folder.resolve()).encode()).digest()[:4], "big")
    return RealtimeSocket(
        url=plan.config.websocket_url,
        approval_key=lambda renew: rest.approval_key().get_secret_value(),
        clock=plan.clock,
        generator=np.random.default_rng(seed),
        settings=plan.config.stream_settings(),
    )


def _taken(broker: KisBroker, socket: RealtimeSocket) -> Callable[[], int]:
    return lambda: broker.records_taken + socket.status().repeated_trades


def _settled(socket: RealtimeSocket) -> Callable[[], bool]:
    def settled() -> bool:
        status = socket.status()
        return status.connected and status.registered >= min(status.wanted, PLACES)

    return settled


def _as_broker(simulation: Simulation) -> Broker:
    return ReplayBroker(simulation)


def _prices(panel: Panel, settings: BacktestConfig) -> PriceAt:
    return PanelPrices(panel, settings.delisting_haircut)


def _check_interval(rules: RuleSet) -> None:
    if rules.interval != "1d":
        raise ConfigError(
            f"The rules count bars of {rules.interval} (주기). Trading on the timetable follows daily bars: use 1d."
        )


def _history_of(rules: RuleSet) -> int:
    """Sessions of history that the rules look back on, and some more."""
    longest = max((lookback_bars(node) for rule in rules.rules for node in rule_expressions(rule)), default=0)
    return max(longest, _LEAST_HISTORY) + _SPARE_HISTORY
