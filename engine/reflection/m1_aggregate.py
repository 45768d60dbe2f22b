"""M1: what the trades of a period earned, how its best and worst were reasoned, and what losers had in common.

A pure function of (executions, window, moment): nothing after the moment enters, and the same ledger gives the same
report. Closed and open positions are kept apart: an open loss is no failed trade yet, an open gain no success.

A share of losers says little by itself: if half of all purchases came on a falling index, half of the losers will
have too. So each feature of the market at entry is given with its base rate, its lift (share among losers over share
among all trades) and Wilson intervals of both shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from engine.clock import require_aware
from engine.errors import BadInput
from engine.ledger.ledger import Ledger
from engine.ledger.rows import ACCOUNT
from engine.ledger.trades import trades_between
from engine.metrics.trades import wilson_interval
from engine.metrics.undefined import Undefined
from engine.reflection.broker_difference import BrokerDifference
from engine.reflection.executions import Executions, RatioChange, executions_of
from engine.reflection.lots import ClosedTrade, OpenPosition, match

BEST_AND_WORST = 5
STUDY_DAYS = 365  # base rates look back a year: a week has too few trades to tell luck from habit
Interval = tuple[float, float]
Met = Callable[[Sequence[tuple[str, datetime]]], Sequence[Mapping[str, bool | None]]]
Outcomes = Mapping[int, tuple[float | None, float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """`first <= time of the sale < last`."""

    first: datetime
    last: datetime

    def __post_init__(self) -> None:
        require_aware(self.first, "The window of a reflection")
        require_aware(self.last, "The window of a reflection")
        if self.last <= self.first:
            raise BadInput(f"The window from {self.first.isoformat()} to {self.last.isoformat()} is empty.")

    def holds(self, time: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.first <= time < self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeView:
    """A closed trade as it is studied.

    Args:
        trade: the figures, with the reasoning and the market at entry.
        features: what its entry met; None is unknown.
        after_7_days, after_30_days: percent by which leaving was right, None before it is known.
    """

    trade: ClosedTrade
    features: Mapping[str, bool | None]
    after_7_days: float | None = None
    after_30_days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRate:
    """How often a feature of the entry was met.

    Args:
        name: of the feature.
        trades, trades_with: closed trades for which it is known, and that met it.
        losers, losers_with: of those that lost.
        share, share_of_losers: the two shares with their Wilson intervals (95 %); None without a trade.
        lift: share among losers over share among all; None where either is unknown or no trade met it.
        lost: won lost by losers that met it, positive.
        loser_ids: their trade ids.
    """

    name: str
    trades: int
    trades_with: int
    losers: int
    losers_with: int
    share: float | None
    share_interval: Interval | None
    share_of_losers: float | None
    losers_interval: Interval | None
    lift: float | None
    lost: float
    loser_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleProfit:
    """What came of the trades in which a rule decided.

    Args:
        rule_id: of the rule.
        role: "entry" where it was among the rules that bought, "exit" where it sold.
        trades, wins: closed trades, and those with a profit.
        pnl: won after costs. The parts do not add up to the whole where several rules asked for one order.
    """

    rule_id: str
    role: Literal["entry", "exit"]
    trades: int
    wins: int
    pnl: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceReport:
    """The figures of a period.

    Args:
        window: its sales.
        known_at: nothing after it was used.
        study_from: base rates, rules and losers count sales from here on.
        trades, wins: closed in the window.
        win_rate, win_interval: with its Wilson interval; None without a trade.
        pnl, costs: won of the window's trades; pnl is after costs.
        held_days: mean calendar days; None without a trade.
        best, worst: of the window, at most five each, a trade in one of them only; `worst` losers alone.
        bought: purchases in the window, closed or not.
        open: what is held at `known_at`.
        studied: closed trades since `study_from`; `losers` those that lost, worst first.
        rates: by lift, greatest first.
        rules: by won, least first.
        booked_difference: won by which our matching and the account's books differ; 0 where both are right.
        unmatched: tickers of which more was sold than was known to be bought.
        broker: what the broker's books say otherwise, see `broker_check`; None if no broker was asked.
    """

    window: Window
    known_at: datetime
    study_from: datetime
    trades: int
    wins: int
    win_rate: float | None
    win_interval: Interval | None
    pnl: float
    costs: float
    held_days: float | None
    best: tuple[TradeView, ...]
    worst: tuple[TradeView, ...]
    bought: int
    open: tuple[OpenPosition, ...]
    studied: int
    losers: tuple[TradeView, ...]
    rates: tuple[FeatureRate, ...]
    rules: tuple[RuleProfit, ...]
    booked_difference: float
    unmatched: tuple[str, ...]
    broker: tuple[BrokerDifference, ...] | None = None

    @property
    def loser_ids(self) -> frozenset[int]:
        """Trade ids that a failure pattern may cite."""
        return frozenset(view.trade.trade_id for view in self.losers)

    def as_plain(self) -> dict[str, Any]:
        """The figures as JSON can hold them."""
        return asdict(self)


def aggregate_ledger(
    ledger: Ledger,
    window: Window,
    now: datetime,
    *,
    run_id: int = ACCOUNT,
    met: Met | None = None,
    ratios: Sequence[RatioChange] = (),
    study_days: int = STUDY_DAYS,
) -> PerformanceReport:
    """The report of an account or of a backtest, from its ledger.

    Args:
        ledger: any ledger.
        window: whose sales are reported.
        now: the moment of the reflection.
        run_id: whose trades.
        met: which features entries met, see `engine.reflection.entry_features.EntryConditions.met`.
        ratios: splits of a backtest, see `engine.reflection.executions.executions_of`.
        study_days: how far base rates look back.
    """
    known = trades_between(ledger, now - timedelta(days=study_days), now, as_of=now, run_id=run_id)
    outcomes = {trade.trade_id: (trade.pnl_7_days, trade.pnl_30_days) for trade in known}
    executions = executions_of(ledger, now, run_id=run_id, ratios=ratios)
    return aggregate(executions, window, met=met, outcomes=outcomes, study_days=study_days)


def aggregate(
    executions: Executions,
    window: Window,
    *,
    met: Met | None = None,
    outcomes: Outcomes | None = None,
    study_days: int = STUDY_DAYS,
) -> PerformanceReport:
    """The report of a history; arguments as for `aggregate_ledger`.

    Raises:
        BadInput: the window ends after the moment at which the history is known.
    """
    now = executions.known_at
    if window.last > now:
        raise BadInput(
            f"The window ends at {window.last.isoformat()}, after the moment of the reflection {now.isoformat()}: "
            "what comes later must not be known. End it there or before."
        )
    matched = match(executions)
    study_from = now - timedelta(days=study_days)
    studied = _views([trade for trade in matched.closed if trade.exited_at >= study_from], met, outcomes or {})
    inside = [view for view in studied if window.holds(view.trade.exited_at)]
    wins = sum(view.trade.pnl > 0 for view in inside)
    best = sorted(inside, key=lambda view: (-view.trade.pnl, view.trade.trade_id))[:BEST_AND_WORST]
    losing = sorted(inside, key=lambda view: (view.trade.pnl, view.trade.trade_id))
    losers = sorted((view for view in studied if view.trade.pnl < 0), key=lambda view: view.trade.pnl)
    return PerformanceReport(
        window=window,
        known_at=now,
        study_from=study_from,
        trades=len(inside),
        wins=wins,
        win_rate=wins / len(inside) if inside else None,
        win_interval=_wilson(wins, len(inside)),
        pnl=sum(view.trade.pnl for view in inside),
        costs=sum(view.trade.costs for view in inside),
        held_days=sum(view.trade.held_days for view in inside) / len(inside) if inside else None,
        best=tuple(view for view in best if view.trade.pnl > 0),
        worst=tuple(view for view in losing if view.trade.pnl < 0)[:BEST_AND_WORST],
        bought=len({fill.order.trade_id for fill in executions.fills if fill.is_buy and window.holds(fill.time)}),
        open=matched.open,
        studied=len(studied),
        losers=tuple(losers),
        rates=_rates(studied),
        rules=_rule_profits(view.trade for view in studied),
        booked_difference=sum(view.trade.proceeds - view.trade.cost - view.trade.booked for view in studied),
        unmatched=matched.unmatched,
    )


def _views(trades: Sequence[ClosedTrade], met: Met | None, outcomes: Outcomes) -> list[TradeView]:
    features: Sequence[Mapping[str, bool | None]] = [{} for _ in trades]
    if met is not None:
        features = met([(trade.ticker, trade.decided_at) for trade in trades])
    views = []
    for trade, found in zip(trades, features, strict=True):
        week, month = outcomes.get(trade.trade_id, (None, None))
        views.append(TradeView(trade=trade, features=found, after_7_days=week, after_30_days=month))
    return views


def _rates(views: Sequence[TradeView]) -> tuple[FeatureRate, ...]:
    names = dict.fromkeys(name for view in views for name in view.features)
    rates = [_rate(name, views) for name in names]
    return tuple(sorted(rates, key=lambda rate: (-(rate.lift or 0.0), rate.name)))


def _rate(name: str, views: Sequence[TradeView]) -> FeatureRate:
    known = [view for view in views if view.features.get(name) is not None]
    having = [view for view in known if view.features[name]]
    losers = [view for view in known if view.trade.pnl < 0]
    both = [view for view in having if view.trade.pnl < 0]
    share = len(having) / len(known) if known else None
    of_losers = len(both) / len(losers) if losers else None
    return FeatureRate(
        name=name,
        trades=len(known),
        trades_with=len(having),
        losers=len(losers),
        losers_with=len(both),
        share=share,
        share_interval=_wilson(len(having), len(known)),
        share_of_losers=of_losers,
        losers_interval=_wilson(len(both), len(losers)),
        lift=of_losers / share if share and of_losers is not None else None,
        lost=-sum(view.trade.pnl for view in both),
        loser_ids=tuple(sorted(view.trade.trade_id for view in both)),
    )


def _rule_profits(trades: Iterable[ClosedTrade]) -> tuple[RuleProfit, ...]:
    sums: dict[tuple[str, Literal["entry", "exit"]], list[float]] = {}
    for trade in trades:
        for rule_id in trade.entry_rules:
            sums.setdefault((rule_id, "entry"), []).append(trade.pnl)
        for rule_id in trade.exit_rules:
            sums.setdefault((rule_id, "exit"), []).append(trade.pnl)
    found = [
        RuleProfit(rule_id=rule_id, role=role, trades=len(pnl), wins=sum(value > 0 for value in pnl), pnl=sum(pnl))
        for (rule_id, role), pnl in sums.items()
    ]
    return tuple(sorted(found, key=lambda rule: (rule.pnl, rule.rule_id, rule.role)))


def _wilson(count: int, of: int) -> Interval | None:
    interval = wilson_interval(count, of)
    return None if isinstance(interval, Undefined) else interval
