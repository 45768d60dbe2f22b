"""The whole learning loop in simulated time: one account, a reflection every Sunday at 18:00, new rules from then on.

A reflection sees what had happened and matured by then: fills up to the last session before it, features of decisions
from rows up to the decision, and a gate whose data end on that day. What it promotes decides first after the next
session's close. Nobody's prompt file is touched: versions live in memory.

What a rule earned is measured by taking it away: the same account, the same weeks, every other change, but not this
one. That is the only figure which means something for a filter, which sells nothing itself.
"""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.backtest import check_rules_fit, row_range
from engine.clock import KST, Clock, SimulatedClock
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.exchange import EPOCH, Exchange, build_exchange
from engine.feature_feed import FeatureFeed
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.reflections import RuleProposal
from engine.model.asking import Asks
from engine.outcome import build_result
from engine.planning.leak_scan import GuardedAsks
from engine.planning.masking import Mask as PlannerMask
from engine.planning.opening import names_of
from engine.planning.text_mask import require_no_alias
from engine.reflection.answers import ModelSettings
from engine.reflection.entry_features import EntryConditions
from engine.reflection.executions import executions_of_result, ratios_of
from engine.reflection.gating import Judge, accept_all, gate_on, not_promoted, overruled, with_change
from engine.reflection.learning import LearningRun, RuleFate, Week, final_equity
from engine.reflection.m1_aggregate import STUDY_DAYS, Window, aggregate
from engine.reflection.reflection import COOL_OFF_DAYS, Thinking, think
from engine.reflection.scripted_writer import ScriptedWriter, scripted_settings
from engine.reflection.shown import Mask, Plain
from engine.research.gate_settings import GateSettings
from engine.research.workers import InProcess
from engine.result import Result
from engine.rules.program import compile_rules
from engine.rules.prompt import load_rules_text
from engine.simulation import Simulation
from engine.succession import Successor

HOUR = 18  # on Sundays, after the week is over and before the next one begins
SUNDAY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningSetup:
    """Who learns, and how hard rules are judged.

    Args:
        asks: (clock of the simulation) -> the writer; None takes the scripted one.
        settings: how the writer is asked.
        gate: settings of the gate; None accepts every rule that compiles, for demonstrations.
        obeyed: False lets every rule in with its verdict, for demonstrations too.
        mask_seed: of the mask through which a model sees the trades; None shows them as they are.
        study_days: how far base rates look back.
    """

    asks: Callable[[Clock], Asks] | None = None
    settings: ModelSettings | None = None
    gate: GateSettings | None = field(default_factory=GateSettings)
    obeyed: bool = True
    mask_seed: int | None = None
    study_days: int = STUDY_DAYS


def run_learning(
    prompt_text: str,
    panel: Panel,
    config: BacktestConfig,
    setup: LearningSetup,
    start: datetime.date | None,
    end: datetime.date | None = None,
    *,
    on_week: Callable[[int, int], None] | None = None,
) -> LearningRun:
    """Trade, reflect every Sunday, and go on with what was promoted.

    Args:
        prompt_text: the prompt on the first day.
        panel: the data; rows before `start` only feed windows and the gate.
        config: cash, costs and limits.
        setup: writer and gate.
        start: first session that trades.
        end: last session that trades.
        on_week: told how many weeks of how many are done.

    Raises:
        RuleProblem: the prompt does not compile.
        ConfigError, DataError: as `engine.backtest.backtest`.
    """
    check_rules_fit(load_rules_text(prompt_text), panel)
    first, last = row_range(panel, start, end)
    exchange = build_exchange(panel, config)
    sundays = list(_sundays(panel, first, last))
    with tempfile.TemporaryDirectory(prefix="geoul-learning-") as folder:
        clock = SimulatedClock(_closed_at(panel, first))
        with open_ledger(Path(folder) / "trials.db", clock) as trials:
            loop = _Loop(panel, exchange, setup, clock, trials)
            account = _Account(exchange, prompt_text, first, last)
            weeks: list[Week] = []
            for number, (sunday, row) in enumerate(sundays):
                account.trade_to(row)
                week = loop.reflect(account, sunday, weeks)
                weeks.append(week)
                if week.changed:
                    account.go_on_under(week.after)
                if on_week is not None:
                    on_week(number + 1, len(sundays))
            account.trade_to(last)
    result = account.result()
    return LearningRun(
        result=result,
        baseline=_replayed(exchange, prompt_text, [], first, last),
        weeks=tuple(weeks),
        fates=_fates(exchange, prompt_text, weeks, final_equity(result), first, last),
        text=account.text,
        writer=loop.settings.model,
        gated=setup.gate is not None,
        masked=setup.mask_seed is not None,
        overruled=setup.gate is not None and not setup.obeyed,
    )


def _fates(
    exchange: Exchange, text: str, weeks: Sequence[Week], learned: float, first: int, last: int
) -> tuple[RuleFate, ...]:
    """Every change that reached the gate: promoted ones are taken away, the others are added, one at a time."""
    changes = [(week, proposal) for week in weeks for proposal in week.thought.gated.proposals]
    promoted = [(week.row, proposal) for week, proposal in changes if proposal.decision == "promote"]
    fates = []
    for week, proposal in changes:
        if proposal.decision == "refused":
            continue
        is_born = proposal.decision == "promote"
        if is_born:
            others = [change for change in promoted if change[1] is not proposal]
        else:
            others = sorted([*promoted, (week.row, proposal)], key=lambda change: change[0])
        other = final_equity(_replayed(exchange, text, others, first, last))
        fates.append(
            RuleFate(
                time=week.time,
                in_force_from=exchange.panel.session_date(week.row) if is_born and week.row < last else None,
                proposal=proposal,
                earned_won=learned - other if is_born else other - learned,
            )
        )
    return tuple(fates)


class _Account:
    """The one account, whose rules change."""

    def __init__(self, exchange: Exchange, text: str, first: int, last: int) -> None:
        self._exchange, self._end = exchange, last
        self.text = text
        rules = compile_rules(load_rules_text(text), price_scale=exchange.scale)
        feed = FeatureFeed(exchange, rules.features, first, last)
        self.simulation = Simulation(exchange, rules, first, first, feed=feed)

    def trade_to(self, row: int) -> None:
        """Trade and decide all rows before `row`."""
        self.simulation.last = self.simulation.feed.last = row
        self.simulation.run()

    def go_on_under(self, text: str) -> None:
        """The rules of another prompt decide from the next row on."""
        self.text = text
        rules = compile_rules(load_rules_text(text), price_scale=self._exchange.scale)
        here = self.simulation.next_row
        self.simulation = Successor(self.simulation, rules, here, feed_until=self._end)

    def result(self) -> Result:
        """What has become of it so far."""
        return build_result(self.simulation, {})


class _Loop:
    """M1, M2, M3 and the gate of one Sunday after the other."""

    def __init__(
        self,
        panel: Panel,
        exchange: Exchange,
        setup: LearningSetup,
        clock: SimulatedClock,
        trials: Ledger,
    ) -> None:
        self._panel, self._config, self._setup = panel, exchange.config, setup
        self._clock, self._trials, self._workers = clock, trials, InProcess(panel)
        self._conditions = EntryConditions(panel, exchange.config)
        self._ratios = ratios_of(panel)
        self.settings = setup.settings or scripted_settings()
        asks = ScriptedWriter(clock) if setup.asks is None else setup.asks(clock)
        self._mask: PlannerMask | None = None
        if setup.mask_seed is not None:
            self._mask = PlannerMask(names_of(panel), setup.mask_seed)
            asks = GuardedAsks(asks, self._mask)
        self._asks: Asks = asks

    def reflect(self, account: _Account, sunday: datetime.datetime, earlier: Sequence[Week]) -> Week:
        """Think about the week that ends at a moment."""
        self._clock.advance_to(sunday)
        result = account.result()
        executions = executions_of_result(result, self._panel.manifest.price_scale, sunday, self._ratios)
        window = Window(first=sunday - datetime.timedelta(days=7), last=sunday)
        report = aggregate(executions, window, met=self._conditions.met, study_days=self._setup.study_days)
        since = sunday - datetime.timedelta(days=COOL_OFF_DAYS)
        turned_down = not_promoted(
            [found for week in earlier if week.time >= since for found in week.thought.gated.proposals]
        )
        thinking = Thinking(
            asks=self._asks,
            settings=self.settings,
            judge=self._judge(sunday),
            mask=self._shown(account),
            refuse_text=None if self._mask is None else require_no_alias,
        )
        thought = think(
            report, account.text, thinking, turned_down=turned_down, decision_id=f"reflection {sunday:%Y-%m-%d}"
        )
        return Week(
            time=sunday,
            thought=thought,
            before=account.text,
            after=thought.gated.text,
            row=account.simulation.next_row,
        )

    def _judge(self, sunday: datetime.datetime) -> Judge:
        if self._setup.gate is None:
            return accept_all
        judge = gate_on(self._panel, self._config, self._trials, self._workers, self._setup.gate, end=sunday.date())
        return judge if self._setup.obeyed else overruled(judge)

    def _shown(self, account: _Account) -> Mask:
        if self._mask is None:
            return Plain()
        marks = account.simulation.book.marks
        row = account.simulation.next_row - 1
        return _Masked(self._mask, float(marks[row]) / account.simulation.exchange.scale)


class _Masked:
    """Trades as a masked model sees them: aliases, other days, money as a share of equity."""

    def __init__(self, mask: PlannerMask, equity_won: float) -> None:
        self._mask, self._equity = mask, equity_won

    def ticker(self, ticker: str) -> str:
        """The alias."""
        return self._mask.aliases.of(ticker)

    def day(self, moment: datetime.datetime) -> str:
        """Another day."""
        return self._mask.dates.ahead(moment.date()).isoformat()

    def money(self, won: float) -> float:
        """A share of equity."""
        return round(won / self._equity, 6) if self._equity else 0.0

    def text(self, text: str) -> str:
        """Without names, days and sums."""
        return self._mask.texts.hide(text)

    def expression(self, source: str) -> str:
        """Without levels."""
        return self._mask.texts.hide_expression(source)


def _sundays(panel: Panel, first: int, last: int) -> Iterator[tuple[datetime.datetime, int]]:
    """Sundays at 18:00 with sessions since the one before, and the first row after each."""
    day = panel.session_date(first)
    sunday = day + datetime.timedelta(days=(SUNDAY - day.weekday()) % 7)
    before = first
    while sunday < panel.session_date(last - 1):
        row = int(np.searchsorted(panel.session, (sunday - EPOCH).days, side="right"))
        if row > before:
            yield datetime.datetime.combine(sunday, datetime.time(HOUR), KST), row
        before = row
        sunday += datetime.timedelta(days=7)


def _closed_at(panel: Panel, row: int) -> datetime.datetime:
    """The morning of a row's session: before anything of it is known."""
    return datetime.datetime.combine(panel.session_date(row), datetime.time(), KST)


def _replayed(
    exchange: Exchange, text: str, changes: Sequence[tuple[int, RuleProposal]], first: int, last: int
) -> Result:
    """The same account with given changes at given rows and no reflection."""
    account = _Account(exchange, text, first, last)
    for row in sorted({row for row, _ in changes}):
        account.trade_to(row)
        new = account.text
        for when, proposal in changes:
            if when == row:
                new = with_change(new, proposal)
        if new != account.text:
            account.go_on_under(new)
    account.trade_to(last)
    return account.result()
