"""What a decision cycle carries from node to node. Prices and money are won; 0.07 is 7 %; None is unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.broker import Quote
from engine.config import RiskLimits
from engine.order import Approved, OrderKind, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Shares of one name. `profit` is value − cost before the costs of selling, `profit_ratio` profit / cost."""

    ticker: str
    name: str
    quantity: int
    average_price: float
    price: float | None
    value: float | None
    profit: float | None
    profit_ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Node 1: the account.

    Args:
        time: of the cycle.
        cash: deposit after all trades made until now have settled (D+2).
        orderable: what can buy now; open purchases are reserved.
        holdings_value: value of the holdings that have a price.
        total: cash + holdings_value.
        holdings: by ticker.
    """

    time: datetime
    cash: float
    orderable: float
    holdings_value: float
    total: float
    holdings: tuple[Holding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingView:
    """One holding on the market. `trading_strength` (체결강도, percent) needs trades with their sides."""

    ticker: str
    name: str
    price: float | None
    change_rate: float | None
    volume: int | None
    market_cap: int | None
    trading_strength: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """A name in a ranking, with the reason in words."""

    rank: int
    ticker: str
    name: str
    price: float
    change_rate: float | None
    volume: int
    volume_growth: float | None
    reason: str


class Sentiment(Enum):
    """Mood of the market; the rule stands in `engine.operating.analysis`."""

    BULLISH = "bullish"
    NEUTRAL = "neutral"
    BEARISH = "bearish"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """The index, the breadth and the volatility.

    Args:
        index: code, such as "KOSPI".
        level: points.
        change_rate: against the session before.
        mean_20: mean of the last 20 sessions' closes, today's included.
        volatility_20: annualised standard deviation of the last 20 daily changes.
        advancers: names that traded and rose against their base price; decliners and unchanged likewise.
        decliners: see advancers.
        unchanged: see advancers.
        advancer_share: advancers / (advancers + decliners + unchanged).
    """

    index: str
    level: float | None
    change_rate: float | None
    mean_20: float | None
    volatility_20: float | None
    advancers: int | None
    decliners: int | None
    unchanged: int | None
    advancer_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Node 2: the holdings on the market, opportunities (growth of volume), risks (decliners), market and mood."""

    time: datetime
    holdings: tuple[HoldingView, ...]
    opportunities: tuple[Mover, ...]
    risks: tuple[Mover, ...]
    market: MarketView
    sentiment: Sentiment
    formulas: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number that a rule compared: its expression, its value (None is unknown) and its unit, as `Unit` names it.

    The unit tells what a reader may make of it: a price or money ("won"), a ratio, shares, days or a plain number.
    """

    what: str
    value: float | None
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One order that a plan asks for.

    Args:
        ticker: KRX short code.
        name: of the instrument.
        side: buy or sell.
        quantity: shares asked for; 0 when equity does not pay for one (the risk check refuses it).
        kind: market, limit or stop.
        price: limit or stop level; None at market.
        from_open: price is an offset from the opening price of the bar in which it trades.
        justification: one sentence.
        rule_ids: the rules behind it, the deciding one first.
        figures: what the conditions of those rules compared.
    """

    ticker: str
    name: str
    side: Side
    quantity: int
    kind: OrderKind = OrderKind.MARKET
    price: float | None = None
    from_open: bool = False
    justification: str = ""
    rule_ids: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTrace:
    """What asking a model for one plan left behind, for the record; a failed plan has one too.

    Args:
        model: that answered, in the provider's words; the one asked where none answered.
        keys: of the requests, the first question and then its repair; the answers are stored under them.
        request_ids: of the provider.
        cost_won: price of the calls; 0 for answers that were replayed.
        input_tokens: of all questions.
        cached_tokens: of all questions, found in the provider's cache.
        output_tokens: of all answers.
        latency_ms: of all calls together.
        replayed: every answer came from a cassette.
        errors: what was wrong with the first answer, where it had to be repaired.
        cut: what the prompt left out to stay within its size: name of the list -> how many entries.
    """

    model: str
    keys: tuple[str, ...] = ()
    request_ids: tuple[str, ...] = ()
    cost_won: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    latency_ms: int = 0
    replayed: bool = False
    errors: tuple[str, ...] = ()
    cut: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Node 3: what to do, in the order in which it is to be done; an empty plan is a good plan.

    Args:
        planner: "rules" or the name of a model.
        actions: what to do.
        justification: why, in the words of the planner.
        risk_assessment: what could go wrong, in the words of the planner; "" from the rules.
        expected_outcome: what is to be expected, in the words of the planner; "" from the rules.
        turned_away: names that a rule signals but that nobody looked at, because no purchase could pass: code of the
            limit -> how many.
        trace: how a model was asked; None from the rules.
    """

    planner: str
    actions: tuple[Action, ...] = ()
    justification: str = ""
    risk_assessment: str = ""
    expected_outcome: str = ""
    turned_away: Mapping[str, int] = field(default_factory=dict)
    trace: ModelTrace | None = None

    @property
    def rule_ids(self) -> tuple[str, ...]:
        """All rules behind the actions, in order of first mention."""
        return tuple(dict.fromkeys(name for action in self.actions for name in action.rule_ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a planner is given.

    Args:
        decision_id: of the cycle.
        time: of the cycle.
        diagnosis: node 1.
        analysis: node 2.
        signals: the purchases that the rules ask for: a planner chooses among them.
        quotes: last prices of the names that are held or signalled, by ticker.
        limits: hard limits of the account; None where the rules alone decide.
        grid: (ticker, price in won) -> the nearest prices on the tick grid at which the next order may be sent, not
            above and not below it; None where the rules alone decide.
    """

    decision_id: str
    time: datetime
    diagnosis: Diagnosis
    analysis: Analysis
    signals: tuple[Action, ...] = ()
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    limits: RiskLimits | None = None
    grid: Callable[[str, float], tuple[float, float]] | None = None


class Verdict(Enum):
    """What became of an action at the risk check."""

    PASSED = "passed"
    RESIZED = "resized"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Node 4: one action after the risk check.

    Args:
        action: as it was planned.
        verdict: see `Verdict`.
        quantity: shares allowed, 0 when dropped.
        reason: code of the limit that shrank or dropped it, "" when it passed.
        text: the reason in words.
        protective: a sell that a rule asked for; it waits for no planner.
    """

    action: Action
    verdict: Verdict
    quantity: int
    reason: str = ""
    text: str = ""
    protective: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """An action and the row of the book's proposals in which it stands."""

    action: Action
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOrder:
    """Node 5: what the broker answered. An accepted order is not a fill.

    Args:
        order_id: the number of an accepted order, "" otherwise.
        ticker: KRX short code.
        side: buy or sell.
        quantity: shares.
        status: "accepted", "refused", "unknown" or "unavailable".
        message: the broker's words, "" if none.
    """

    order_id: str
    ticker: str
    side: Side
    quantity: int
    status: str
    message: str = ""


@dataclass(slots=True, kw_only=True)
class Cycle:
    """One decision cycle; each node fills in its part.

    Args:
        decision_id: unique in the run.
        time: at which it began.
        row: bar of the data at which it began.
        data_hash: of the market data it saw.
        quotes: last prices of the names held, by ticker.
        diagnosis: node 1.
        analysis: node 2.
        plan: node 3; None while a slow planner thinks, and when it failed.
        failure: why there is no plan, "" otherwise.
        failure_code: a stable name for that, such as "truncated"; "" otherwise.
        trace: how a model was asked for the plan, or for the plan that failed; None from the rules.
        waiting: the answer of a slow planner is still to come.
        signals: proposals of the rules for each purchase, as the step wrote them: int64[PROPOSAL_FIELDS] by ticker.
        checks: node 4.
        approved: what the risk check let through and nobody has sent yet.
        orders: node 5.
        report: node 6, in words.
        finished_at: when the last node had run; later than `time` when the plan came late.
    """

    decision_id: str
    time: datetime
    row: int
    data_hash: str = ""
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    diagnosis: Diagnosis | None = None
    analysis: Analysis | None = None
    plan: Plan | None = None
    failure: str = ""
    failure_code: str = ""
    trace: ModelTrace | None = None
    waiting: bool = False
    signals: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    approved: tuple[Approved[Proposal], ...] = ()
    orders: tuple[SentOrder, ...] = ()
    report: str = ""
    finished_at: datetime | None = None

    @property
    def order_ids(self) -> tuple[str, ...]:
        """Orders that the broker has accepted."""
        return tuple(order.order_id for order in self.orders if order.order_id)

    @property
    def nodes(self) -> dict[str, Any]:
        """What the nodes gave, under their names, for the ledger."""
        nodes: dict[str, Any] = {
            "diagnosis": self.diagnosis,
            "analysis": self.analysis,
            "execution": self.orders,
            "report": self.report,
        }
        if self.failure_code or self.trace is not None:
            nodes["planning"] = {"failure_code": self.failure_code, "trace": self.trace}
        return nodes


def label(name: str, ticker: str) -> str:
    """How an instrument is called in a text.

    >>> label("삼성전자", "005930"), label("005930", "005930")
    ('삼성전자(005930)', '005930')
    """
    return ticker if name == ticker else f"{name}({ticker})"


def whole(value: float) -> float:
    """An amount of won without a needless fraction: 70000.0 becomes 70000."""
    return int(value) if value == int(value) else value
