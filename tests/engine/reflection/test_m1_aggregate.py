"""M1 against figures worked out by hand, and blind to what comes after its moment."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from engine.clock import SimulatedClock
from engine.config import BacktestConfig
from engine.errors import BadInput
from engine.events import ActionKind, CorporateAction
from engine.fill import Fill
from engine.ledger.ledger import open_ledger
from engine.ledger.runs import write_run
from engine.order import Side
from engine.reflection.broker_check import Executed, PeriodProfit, check_against_broker
from engine.reflection.entry_features import FEATURES, EntryConditions
from engine.reflection.executions import executions_of, ratios_of
from engine.reflection.lots import match
from engine.reflection.m1_aggregate import Window, aggregate_ledger
from engine.rules.prompt import load_rules_text
from tests.builders_panel import make_panel
from tests.builders_reflection import Story, at
from tests.gate_world import BASE, make_world

WEEK = Window(first=at(7), last=at(13))
SUNDAY = at(13, 18)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    clock = SimulatedClock(at(0, 8))
    return Story(open_ledger(tmp_path / "ledger.db", clock), clock).deposit()


def test_a_sale_is_matched_with_all_lots_those_of_earlier_weeks_too(story: Story) -> None:
    first = story.buy(at(0), "005930", 10, 1_000, fee=10)
    second = story.buy(at(7), "005930", 30, 2_000, fee=30)
    sold = story.sell(at(9), "005930", 20, 2_100, fee=4, tax=42)
    report = aggregate_ledger(story.ledger, WEEK, SUNDAY)
    # 40 shares cost 70,000 won and 40 won of fees; half of them go.
    (view,) = report.best
    assert (view.trade.trade_id, view.trade.entry_trade_ids) == (sold, (first, second))
    assert (view.trade.cost, view.trade.proceeds, view.trade.costs, view.trade.pnl) == (35_000, 42_000, 66, 6_934)
    assert (report.trades, report.wins, report.pnl, report.bought) == (1, 1, 6_934, 1)
    assert [(held.ticker, held.quantity, held.cost) for held in report.open] == [("005930", 20, 35_000)]
    assert report.booked_difference == 0


def test_a_partial_sale_keeps_the_odd_won_in_the_position(story: Story) -> None:
    story.buy(at(0), "005930", 3, 3_333)
    story.buy(at(1), "005930", 4, 3_334)
    for day in (7, 8):
        story.sell(at(day), "005930", 3, 3_000)
    story.sell(at(9), "005930", 1, 3_000)
    trades = match(executions_of(story.ledger, SUNDAY)).closed
    assert sum(trade.cost for trade in trades) == 3 * 3_333 + 4 * 3_334
    assert [trade.closes for trade in trades] == [False, False, True]
    assert all(trade.proceeds - trade.cost == trade.booked for trade in trades)


def test_open_and_closed_positions_are_apart(story: Story) -> None:
    story.buy(at(7), "000660", 5, 100_000)
    story.buy(at(8), "005930", 5, 10_000)
    story.sell(at(9), "005930", 5, 9_000)
    report = aggregate_ledger(story.ledger, WEEK, SUNDAY)
    assert (report.trades, report.wins, report.win_rate, report.pnl, report.bought) == (1, 0, 0.0, -5_000, 2)
    assert [held.ticker for held in report.open] == ["000660"]
    assert report.held_days == 1.0


def test_a_split_in_the_journal_is_no_loss(story: Story) -> None:
    story.buy(at(0), "005930", 10, 50_000)
    story.clock.advance_to(at(3, 8))
    story.ledger.append(
        CorporateAction(time=at(3, 8), ticker="005930", kind=ActionKind.RATIO, numerator=5, denominator=1)
    )
    story.sell(at(8), "005930", 50, 10_000)
    report = aggregate_ledger(story.ledger, WEEK, SUNDAY)
    assert report.pnl == 0
    assert not report.unmatched
    assert not report.open


def test_nothing_after_the_moment_enters(story: Story) -> None:
    for day in (0, 7, 8):
        story.buy(at(day), "005930", 10, 10_000)
    story.sell(at(9), "005930", 10, 9_000)
    before = aggregate_ledger(story.ledger, WEEK, SUNDAY)
    story.sell(at(14), "005930", 20, 1)
    story.buy(at(15), "000660", 1, 77)
    assert aggregate_ledger(story.ledger, WEEK, SUNDAY) == before
    with pytest.raises(BadInput, match="must not be known"):
        aggregate_ledger(story.ledger, Window(first=at(7), last=at(20)), SUNDAY)


def test_the_window_counts_its_sales_and_the_base_rates_count_all(story: Story) -> None:
    for number in range(8):
        ticker = f"00{number}000"
        story.buy(at(0, 9), ticker, 10, 10_000)
    for number in range(8):
        story.sell(at(number + 1), f"00{number}000", 10, 10_500 if number % 2 else 9_000 - number)

    def met(decisions: Sequence[tuple[str, datetime.datetime]]) -> list[Mapping[str, bool | None]]:
        """Losers (even numbers) but one fell before; of two winners one did; of one nothing is known."""
        facts = {"000000": True, "002000": True, "004000": True, "006000": False, "001000": True, "003000": False}
        return [{"fallen": facts.get(ticker)} for ticker, _ in decisions]

    report = aggregate_ledger(story.ledger, WEEK, SUNDAY, met=met)
    assert (report.trades, report.studied) == (2, 8)  # days 7 and 8
    (rate,) = report.rates
    assert (rate.trades, rate.trades_with, rate.losers, rate.losers_with) == (6, 4, 4, 3)
    assert rate.lift == pytest.approx((3 / 4) / (4 / 6))
    assert rate.share_interval == pytest.approx((0.29999, 0.90323), abs=1e-4)  # Wilson 4 of 6
    assert rate.lost == sum(-view.trade.pnl for view in report.losers if view.features["fallen"])
    assert report.losers[0].trade.pnl == -10_060
    assert {(rule.rule_id, rule.role): rule.trades for rule in report.rules} == {
        ("cross", "entry"): 8,
        ("stop-loss", "exit"): 8,
    }


def test_best_and_worst_are_five_each_with_the_reasoning_at_entry(story: Story) -> None:
    for number in range(14):
        story.trade(at(7), Side.BUY, f"0{number:02d}000", 10, 10_000, (f"rule-{number}",))
    for number in range(14):
        story.sell(at(9), f"0{number:02d}000", 10, 9_300 + 100 * number)
    report = aggregate_ledger(story.ledger, WEEK, SUNDAY)
    assert [view.trade.pnl for view in report.best] == [6_000, 5_000, 4_000, 3_000, 2_000]
    assert [view.trade.pnl for view in report.worst] == [-7_000, -6_000, -5_000, -4_000, -3_000]
    assert [view.trade.why for view in report.worst] == [f"rule-{number}" for number in range(5)]


class Told:
    """A broker that tells fills."""

    def __init__(self, *fills: Fill) -> None:
        self._fills = fills

    def executed(self, day: datetime.date) -> list[Executed]:
        return [
            Executed(ticker=fill.ticker, side=fill.side, shares=fill.quantity, won=fill.amount)
            for fill in self._fills
            if fill.time.date() == day
        ]


def test_differences_from_the_broker_are_values(story: Story) -> None:
    story.buy(at(7), "005930", 10, 10_000, fee=10)
    story.sell(at(8), "005930", 10, 9_000, fee=9)
    executions = executions_of(story.ledger, SUNDAY)

    def fill(day: int, side: Side, quantity: int, price: int) -> Fill:
        return Fill(
            time=at(day), order_id="x", key=f"{day}", ticker="005930", side=side, quantity=quantity, price=price
        )

    same = Told(fill(7, Side.BUY, 10, 10_000), fill(8, Side.SELL, 10, 9_000))
    assert check_against_broker(executions, WEEK, same, PeriodProfit(realised=-10_000, costs=19)) == ()
    other = Told(fill(7, Side.BUY, 10, 10_000), fill(8, Side.SELL, 9, 9_000))
    found = check_against_broker(executions, WEEK, other, PeriodProfit(realised=-10_000, costs=25))
    assert [(one.what, one.ours, one.broker) for one in found] == [
        ("sell shares", 10, 9),
        ("sell won", 90_000, 81_000),
        ("costs", 19, 25),
    ]


def test_a_backtest_in_the_ledger_gives_the_figures_of_its_result(tmp_path: Path) -> None:
    from engine.backtest import backtest  # noqa: PLC0415  (compiles)

    panel = make_world()
    result = backtest(load_rules_text(BASE), panel, BacktestConfig(cash_won=100_000_000))
    end = result.equity["time"][-1]
    ledger = open_ledger(tmp_path / "ledger.db", SimulatedClock(end))
    run = write_run(ledger, result)
    whole = Window(first=result.equity["time"][0], last=end + datetime.timedelta(seconds=1))
    conditions = EntryConditions(panel, BacktestConfig())
    report = aggregate_ledger(
        ledger, whole, whole.last, run_id=run, met=conditions.met, ratios=ratios_of(panel), study_days=5_000
    )
    assert report.trades == len(result.trades) > 20
    assert report.pnl == result.trades["pnl"].sum()
    assert report.wins == (result.trades["pnl"] > 0).sum()
    assert report.booked_difference == 0
    assert len(report.open) == len(result.positions)
    assert {rate.name for rate in report.rates} == {feature.name for feature in FEATURES}


def test_what_entries_met_does_not_depend_on_later_rows() -> None:
    whole = make_world()
    row = 200
    moment = datetime.datetime.fromtimestamp(whole.closed_at_ns[row] / 1e9, tz=SUNDAY.tzinfo)
    decisions = [(ticker, moment) for ticker in whole.tickers]
    short = make_world(rows=420)
    changed = make_panel(
        {
            ticker: [
                tuple(int(short.bars[field, line, column]) if line <= row else 70_000 for field in range(5))
                for line in range(short.rows)
            ]
            for column, ticker in enumerate(short.tickers)
        },
        start=short.session_date(0),
        index=[float(short.indices["KOSPI"][3, line]) if line <= row else 1.0 for line in range(short.rows)],
        adjusted=True,
    )
    told = EntryConditions(whole, BacktestConfig()).met(decisions)
    assert EntryConditions(changed, BacktestConfig()).met(decisions) == told
    assert any(value for met in told for value in met.values())
    (unknown,) = EntryConditions(whole, BacktestConfig()).met([("NOSUCH", moment)])
    assert set(unknown.values()) == {None}
