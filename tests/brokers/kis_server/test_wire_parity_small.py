"""The same orders at the same instants give the same fills, cash and holdings in process and over the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pytest

from brokers.replay import ReplayBroker
from engine.backtest import prepare
from engine.broker import Accepted
from engine.config import BacktestConfig, RiskLimits
from engine.data.panel import Panel, State
from engine.events import Slice
from engine.fill import Fill
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tick_size import grid_below
from engine.matching import arrays as at
from engine.order import OrderKind, OrderRequest, Side
from engine.risk import write_proposal
from engine.rules.tree import RuleSet
from tests.builders_panel import make_panel
from tests.kis_client import Client, make_server

SESSIONS, TICKERS = 40, ("000100", "000200", "000300", "000400")
CONFIG = BacktestConfig(
    cash_won=30_000_000,
    participation=0.05,
    limits=RiskLimits(max_positions=10_000, min_order_share=0.0, allow_managed=True),
)


DAY = date(2024, 3, 4)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """An order as it was sent in process: after which bar and point, and whether it was taken."""

    row: int
    point: int
    request: OrderRequest
    taken: bool


def market(seed: int, bars_a_session: int = 1) -> Panel:
    """Prices that wander, with thin volumes and a few suspended bars."""
    draw = np.random.default_rng(seed)
    bars: dict[str, list[Any]] = {}
    for ticker in TICKERS:
        close, rows = int(draw.integers(3_000, 60_000)), []
        for row in range(SESSIONS if bars_a_session == 1 else 60):
            if row > 1 and bars_a_session == 1 and draw.random() < 0.05:
                rows.append("halt")
                continue
            prices = [close * (1 + draw.normal(0, 0.015)) for _ in range(4)]
            grid = [grid_below(int(price), DAY, InstrumentClass.KOSPI_STOCK) for price in prices]
            opening, close = grid[0], grid[3]
            rows.append((opening, max(grid), min(grid), close, int(draw.integers(200, 20_000))))
        bars[ticker] = rows
    return make_panel(bars, bars_a_session=bars_a_session)


def random_request(draw: np.random.Generator, panel: Panel, row: int, held: dict[str, int]) -> OrderRequest:
    col = int(draw.integers(len(TICKERS)))
    ticker = panel.tickers[col]
    close = int(panel.bars[3, max(row, 0), col])
    side = Side.SELL if held.get(ticker) and draw.random() < 0.6 else Side.BUY
    price = None
    if draw.random() < 0.6:
        price = grid_below(int(close * (1 + draw.normal(0, 0.01))), DAY, InstrumentClass.KOSPI_STOCK)
    most = held.get(ticker, 0) if side is Side.SELL else 400
    return OrderRequest(
        ticker=ticker,
        side=side,
        quantity=int(draw.integers(1, max(most, 1) + 1)),
        kind=OrderKind.LIMIT if price else OrderKind.MARKET,
        price=price,
    )


def run_in_process(panel: Panel, seed: int, first: int) -> tuple[ReplayBroker, list[Sent], list[Fill]]:
    """Orders at every close and from some fills."""
    draw = np.random.default_rng(seed)
    simulation = prepare(RuleSet(interval=panel.interval, rules=()), panel, CONFIG)
    simulation.trade(first)
    simulation.first, simulation.row = first, first - 1
    broker = ReplayBroker(simulation)
    sent: list[Sent] = []
    fills: list[Fill] = []

    def send() -> None:
        held = {position.ticker: position.quantity for position in broker.positions()}
        request = random_request(draw, panel, simulation.row, held)
        col, inside = panel.tickers.index(request.ticker), simulation.point >= 0
        if inside and not panel.state[simulation.row + 1, col] & State.TRADED:
            return  # a suspended name: the server refuses, as KIS does, what the replay would let wait in vain
        write_proposal(simulation, request, col)
        row, point = simulation.row, simulation.point
        taken = isinstance(broker.submit_proposal(0, request.quantity), Accepted)
        sent.append(Sent(row=row, point=point, request=request, taken=taken))

    send()
    for event in broker.events():
        if isinstance(event, Slice) and event.row + 1 < simulation.last:
            for _ in range(int(draw.integers(0, 4))):
                send()
        elif isinstance(event, Fill):
            fills.append(event)
            if draw.random() < 0.3 and simulation.point < at.POINTS - 1:  # after the last point the session is over
                send()
    return broker, sent, fills


def run_over_the_wire(panel: Panel, sent: list[Sent]) -> tuple[list[tuple[Any, ...]], Any, list[str]]:
    """The same orders, sent at the same instants; every answer is compared with the one in process."""
    differences: list[str] = []
    with make_server(panel, CONFIG, order_hours="any") as server, Client(server, "live") as client:
        world = server.server.world
        orders = iter(sent)
        coming = next(orders, None)
        while True:
            simulation = next(iter(world.accounts.values())).simulation
            here = (simulation.row, simulation.point)
            next_step = world.next_step
            evening = next_step is not None and next_step.parts == (-1,)  # orders go out after the day has begun
            while coming is not None and (coming.row, coming.point) == here and not evening:
                request = coming.request
                answer = client.order(request.side.value, request.ticker, request.quantity, request.price or 0)
                if (answer["rt_cd"] == "0") != coming.taken:
                    differences.append(f"{coming}: {answer}")
                coming = next(orders, None)
            if world.next_step is None:
                break
            client.advance(until="step")
        assert coming is None, "an order was never reached"
        first, last = (f"{panel.session_date(row):%Y%m%d}" for row in (0, panel.rows - 1))
        rows, page = [], client.executions(first, INQR_END_DT=last, INQR_DVSN="01")
        while True:
            rows += page["output1"]
            if client.last.headers["tr_cont"] == "D":
                break
            keys = {name.upper(): page[name].strip() for name in ("ctx_area_fk100", "ctx_area_nk100")}
            page = client.executions(first, "N", INQR_END_DT=last, INQR_DVSN="01", **keys)
        listed = [
            (
                row["pdno"],
                row["sll_buy_dvsn_cd"],
                int(row["ord_qty"]),
                int(row["tot_ccld_qty"]),
                int(row["tot_ccld_amt"]),
            )
            for row in rows
        ]
        return listed, client.balance(), [*differences, f"costs {page['output2']['prsm_tlex_smtl']}"]


@pytest.mark.parametrize(("seed", "bars_a_session"), [(1, 1), (2, 1), (3, 20)])
def test_in_process_and_over_the_wire_agree_to_the_won(seed: int, bars_a_session: int) -> None:
    panel = market(seed, bars_a_session)
    broker, sent, fills = run_in_process(panel, seed, bars_a_session)
    listed, balance, (*differences, costs) = run_over_the_wire(panel, sent)
    assert not differences
    assert len(fills) > 20
    log = broker.simulation.book.orders
    expected = [
        (
            panel.tickers[int(row[at.ORDER_COL])],
            "02" if row[at.ORDER_SIDE] == at.BUY else "01",
            int(row[at.ORDER_QUANTITY]),
            int(row[at.ORDER_FILLED]),
            int(row[at.ORDER_AMOUNT]),
        )
        for row in log[: broker.simulation.book.account[at.ORDER_COUNT]]
    ]
    assert listed == expected
    assert costs == f"costs {sum(fill.fee + fill.stt + fill.rural for fill in fills)}"
    account = broker.account()
    totals = balance["output2"][0]
    assert [int(totals[name]) for name in ("dnca_tot_amt", "nxdy_excc_amt", "prvs_rcdl_excc_amt")] == [
        account.deposit,
        account.deposit_d1,
        account.deposit_d2,
    ]
    held = {
        row["pdno"]: (int(row["hldg_qty"]), int(row["pchs_amt"]))
        for row in balance["output1"]
        if row["hldg_qty"] != "0"
    }
    assert held == {position.ticker: (position.quantity, position.cost) for position in broker.positions()}
