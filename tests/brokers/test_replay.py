"""What is particular to history as a broker: quiet bars, the view of a strategy, the index, the future out of reach."""

from __future__ import annotations

from datetime import date

import pytest

from brokers.replay import ReplayBroker, replay
from engine.broker import RefusedByVenue
from engine.data.panel import CLOSE
from engine.errors import BadInput
from engine.events import Slice
from engine.exchange import build_exchange
from engine.fill import Fill
from engine.order import Approved, OrderKind, OrderRequest, RefusalReason, Side
from engine.rules.program import compile_rules
from engine.rules.tree import RuleSet
from engine.simulation import Simulation
from engine.strategy import Strategy, View
from tests.builders_panel import HALT, fills_of, flat, make_config, make_panel, make_rules
from tests.scripted import Scripted, buy, run_orders, sell
from tests.watching import watch

FLAT = (10_000, 10_000, 10_000, 10_000)


def broker_of(panel, rules=RuleSet(interval="1d", rules=()), **config):  # noqa: B008
    exchange = build_exchange(panel, make_config(**config))
    return ReplayBroker(Simulation(exchange, compile_rules(rules, price_scale=exchange.scale)))


def test_quiet_bars_cannot_be_told_from_others():
    # Rows 2 to 5 have no order; the account asked for after each bar is what it would be with every bar traded.
    panel = make_panel({"A00001": [FLAT, FLAT, *[(10_000 + 100 * n,) * 4 for n in range(1, 5)]]})
    seen = []
    watch(panel, Scripted({0: [buy(100)]}), lambda broker: seen.append(broker.positions()[0].cost if seen else 0))
    asked_late = run_orders(panel, {0: [buy(100)]})
    assert seen == [0, *[1_000_000] * 5]
    assert asked_late.equity["equity"].to_list() == [10_000_000, *[10_000_000 + 100 * 100 * n for n in range(5)]]


def test_fills_of_guarded_levels_are_told_in_their_bar():
    bars = [FLAT, FLAT, FLAT, (9_000, 9_000, 9_000, 9_000), FLAT]
    rules = make_rules(("entry", "weekday == mon", "buy 10% of equity"), ("exit", "pnl <= -7%", "sell all"))
    broker = broker_of(make_panel({"A00001": bars}), rules)
    told, row = [], -1
    for event in broker.events():
        if isinstance(event, Slice):
            row = event.row
            for place in range(broker.simulation.decide()):
                broker.submit_proposal(place, broker.simulation.check(place)[1])
            broker.watch_guards()
        elif isinstance(event, Fill):
            told.append((row + 1, event.side))
    assert told == [(1, Side.BUY), (3, Side.SELL)]


def test_delisting_is_told_as_a_fill_of_its_bar():
    bars = {"A00001": [FLAT, FLAT, None, None], "A00002": flat(10_000, 4)}
    strategy = Scripted({0: [buy(10, "A00001")]})
    replay(strategy, make_panel(bars, delisted=["A00001"]), make_config())
    assert [(fill.side, fill.price, fill.time.date()) for fill in strategy.fills] == [
        (Side.BUY, 10_000, date(2024, 3, 5)),
        (Side.SELL, 0, date(2024, 3, 6)),
    ]


def test_open_orders_inside_a_bar_leave_out_those_that_just_filled():
    panel = make_panel({"A00001": [FLAT, (10_000, 10_100, 9_900, 10_000)]})
    seen = []
    orders = {0: [buy(10), buy(10, limit=9_000)]}
    watch(panel, Scripted(orders), lambda _: None, lambda broker: seen.append(broker.open_orders()))
    assert [[order.request.price for order in each] for each in seen] == [[9_000]]


def test_order_that_waits_for_an_opening_price_is_listed_near_the_last_close():
    rules = make_rules(("entry", "weekday == mon", "buy 10% of equity at limit session_open - 0.5 * close"))
    broker = broker_of(make_panel({"A00001": [FLAT, FLAT]}), rules)
    events = iter(broker.events())
    next(events)
    for place in range(broker.simulation.decide()):
        broker.submit_proposal(place, broker.simulation.check(place)[1])
    assert [order.request.price for order in broker.open_orders()] == [5_000]


def test_order_cancelled_inside_a_bar_is_done_in_that_bar():
    panel = make_panel({"A00001": [FLAT, (10_000, 10_100, 9_900, 10_000)]})
    orders = {0: [buy(10), buy(10, limit=9_000)]}
    broker = watch(panel, Scripted(orders), lambda _: None, lambda broker: broker.cancel("2"))
    (_, cancelled) = broker.orders(panel.session_date(0))
    assert cancelled.done_at is not None
    assert cancelled.done_at.date() == panel.session_date(1)


def test_history_reaches_no_further_than_the_last_close():
    panel = make_panel({"A00001": flat(10_000, 4)})
    seen = []
    everything = (date(2024, 1, 1), date(2024, 12, 31))
    watch(panel, Scripted({}), lambda broker: seen.append(len(broker.history("A00001", "1d", *everything))))
    assert seen == [1, 2, 3, 4]


def test_history_is_in_won_and_of_the_interval_of_the_data():
    broker = broker_of(make_panel({"A00001": flat(1_000_050, 2)}, adjusted=True, price_scale=100))
    next(iter(broker.events()))
    assert broker.history("A00001", "1d", date(2024, 1, 1), date(2024, 12, 31))["close"].to_list() == [10_000.5]
    with pytest.raises(BadInput, match="bars of 1d, not of 1m"):
        broker.history("A00001", "1m", date(2024, 1, 1), date(2024, 12, 31))


def test_nothing_can_be_sent_before_the_first_close():
    broker = broker_of(make_panel({"A00001": flat(10_000, 2)}))
    request = OrderRequest(ticker="A00001", side=Side.BUY, quantity=1)
    answer = broker.submit(Approved(value=request, checked_at=broker.now()))
    assert isinstance(answer, RefusedByVenue)
    assert answer.reason is RefusalReason.MARKET_CLOSED
    with pytest.raises(BadInput, match="No bar has closed yet"):
        broker.simulation.check(0)


def test_suspended_name_keeps_its_last_price_in_quotes():
    broker = broker_of(make_panel({"A00001": [FLAT, HALT]}))
    for _ in broker.events():
        pass
    (quote,) = broker.quotes(["A00001"])
    assert (quote.price, quote.volume) == (10_000, 0)


# The view of a strategy.


class Peeking(Strategy):
    """Asks one question in on_start."""

    features = {"mean": "mean(close, 2)"}  # noqa: RUF012

    def __init__(self, question) -> None:
        self.question = question

    def on_start(self, view: View) -> None:
        self.question(view)


@pytest.mark.parametrize(
    "question",
    [
        lambda view: view.close(),
        lambda view: view.now,
        lambda view: view.session,
        lambda view: view.volume(),
        lambda view: view.is_listed("A00001"),
        lambda view: view.is_last_bar_of_session,
        lambda view: view.buy(weight=0.5),
        lambda view: view["mean"],
        lambda view: view.feature("mean"),
    ],
)
def test_nothing_of_the_future_is_seen_before_the_first_bar(question):
    # Row −1 of an array is its last row.
    with pytest.raises(BadInput):
        replay(Peeking(question), make_panel({"A00001": [FLAT, (99_000,) * 4]}), make_config())


def test_order_asked_for_in_on_start_is_sent_after_the_first_bar():
    panel = make_panel({"A00001": flat(10_000, 3)})
    result = replay(Peeking(lambda view: view.buy(quantity=10)), panel, make_config())
    assert [fill[0] for fill in fills_of(result)] == [1]


def test_on_fill_sees_the_last_close_and_not_the_bar_in_progress():
    panel = make_panel({"A00001": [FLAT, (10_000, 20_000, 9_000, 15_000)]}, adjusted=True)
    seen = []

    class Looks(Scripted):
        def on_fill(self, view, fill):
            seen.append((view.close(), view.volume(), view.session, view.equity))

    replay(Looks({0: [buy(10)]}), panel, make_config())
    assert seen == [(10_000.0, 1_000_000, date(2024, 3, 4), 10_000_000.0)]


@pytest.mark.parametrize("names", [1, 3])
def test_feature_of_the_bar_alone_is_the_same_for_every_ticker(names):
    panel = make_panel({f"A0000{n}": flat(10_000, 3) for n in range(names)}, index=[2_000.0, 2_010.0, 2_020.0])
    seen = []

    class Looks(Strategy):
        features = {"index": 'index("KOSPI").close', "rising": "breadth(close > 0)"}  # noqa: RUF012

        def on_bar(self, view):
            seen.append([(view.feature("index", t), view.feature("rising", t)) for t in view.tickers])

    replay(Looks(), panel, make_config())
    assert seen == [[(level, 1.0)] * names for level in (2_000.0, 2_010.0, 2_020.0)]


def test_unknown_feature_and_unknown_ticker_are_named():
    panel = make_panel({"A00001": flat(10_000, 2)})
    with pytest.raises(BadInput, match="no feature 'slow'"):
        replay(Scripted({0: [lambda view: view.feature("slow")]}), panel, make_config())
    with pytest.raises(BadInput, match="no feature 'slow'"):
        replay(Scripted({0: [lambda view: view["slow"]]}), panel, make_config())
    with pytest.raises(BadInput, match="no ticker '000000'"):
        run_orders(panel, {0: [buy(1, "000000")]})


def test_ticker_must_be_named_where_there_are_several():
    panel = make_panel({"A00001": flat(10_000, 2), "A00002": flat(10_000, 2)})
    for ask in (buy(1), sell(), lambda view: view.close(), lambda view: view["close"]):
        with pytest.raises(BadInput, match="instruments: name one"):
            run_orders(panel, {0: [ask]})


def test_view_counts_holdings_pending_shares_and_cash():
    panel = make_panel({"A00001": flat(10_000, 4)})
    seen = []

    class Looks(Scripted):
        def on_bar(self, view):
            super().on_bar(view)
            seen.append((view.holding(), view.pending(), view.cash, view.equity))

    replay(Looks({0: [buy(100, limit=10_100)], 1: [sell(40)]}), panel, make_config())
    assert seen == [
        (0, 0, 10_000_000.0, 10_000_000.0),
        (100, 0, 9_000_000.0, 10_000_000.0),
        (60, 0, 9_400_000.0, 10_000_000.0),
        (60, 0, 9_400_000.0, 10_000_000.0),
    ]


def test_weight_is_a_share_of_equity_at_the_last_close():
    panel = make_panel({"A00001": [FLAT, (20_000,) * 4]})
    assert run_orders(panel, {0: [buy(weight=0.3)]}, funding="optimistic").orders["quantity"].to_list() == [300]


def test_refused_requests_come_back_with_their_reason():
    strategy = Scripted({0: [sell(5), buy(10, limit=9_995)]})  # the tick is 10
    replay(strategy, make_panel({"A00001": [FLAT, FLAT]}), make_config())
    assert [refused.reason for refused in strategy.refused] == [RefusalReason.NOT_HELD, RefusalReason.BAD_PRICE]


def test_strategy_sees_splits_in_its_features():
    # The mean of 10,000 and, after the 2:1 split, 5,000 is 5,000 and not 7,500.
    panel = make_panel({"A00001": [FLAT, (5_000,) * 4]}, splits=[(1, "A00001", 2, 1)])
    seen = []

    class Looks(Strategy):
        features = {"mean": "mean(close, 2)"}  # noqa: RUF012

        def on_bar(self, view):
            seen.append(view["mean"])

    replay(Looks(), panel, make_config())
    assert seen[1] == 5_000.0
    assert panel.bars[CLOSE, 1, 0] == 5_000


def test_order_kinds_of_the_log_have_their_prices():
    broker = watch(
        make_panel({"A00001": [FLAT, FLAT]}),
        Scripted({0: [buy(1), buy(1, limit=9_000), buy(1, stop=11_000)]}),
        lambda _: None,
    )
    kinds = [(order.request.kind, order.request.price) for order in broker.orders(date(2024, 3, 4))]
    assert kinds == [(OrderKind.MARKET, None), (OrderKind.LIMIT, 9_000), (OrderKind.STOP, 11_000)]


def limit_order(broker: ReplayBroker, quantity: int, price: int | None) -> str:
    kind = OrderKind.MARKET if price is None else OrderKind.LIMIT
    request = OrderRequest(ticker="A00001", side=Side.BUY, quantity=quantity, kind=kind, price=price)
    return broker.submit(Approved(value=request, checked_at=broker.now())).order_number


def test_amend_that_the_cash_does_not_cover_is_refused_and_not_made_smaller():
    broker = broker_of(make_panel({"A00001": flat(10_000, 3)}))
    next(broker.events())
    number = limit_order(broker, 1_000, 9_000)  # nine of ten million won
    answer = broker.amend(number, price=10_500)
    assert isinstance(answer, RefusedByVenue) and answer.reason is RefusalReason.NOT_ENOUGH_CASH
    assert [(order.request.price, order.remaining) for order in broker.open_orders()] == [(9_000, 1_000)]
    broker.amend(number, price=10_000)
    assert [(order.request.price, order.remaining) for order in broker.open_orders()] == [(10_000, 1_000)]


def test_amend_does_not_ask_whether_the_last_bar_traded_or_how_large_a_position_may_be():
    # The venue takes amends as it takes orders: limits on positions are for whoever approves them.
    panel = make_panel({"A00001": [FLAT, HALT, FLAT]})
    broker = broker_of(panel, limits={"max_position_weight": 0.01})
    events = broker.events()
    next(events), next(events)
    number = limit_order(broker, 100, 9_000)
    broker.amend(number, price=9_500)
    assert [order.request.price for order in broker.open_orders()] == [9_500]


def test_amend_to_a_price_off_the_grid_is_refused():
    broker = broker_of(make_panel({"A00001": flat(10_000, 3)}))
    next(broker.events())
    answer = broker.amend(limit_order(broker, 100, 9_000), price=9_003)
    assert isinstance(answer, RefusedByVenue) and answer.reason is RefusalReason.BAD_PRICE


def test_a_market_order_that_gets_a_price_is_a_limit_order():
    broker = broker_of(make_panel({"A00001": [FLAT, (10_000, 10_000, 9_900, 10_000)]}))
    events = broker.events()
    next(events)
    broker.amend(limit_order(broker, 100, None), price=9_950)
    assert [event.price for event in events if isinstance(event, Fill)] == [9_950]
