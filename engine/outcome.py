"""Turns the logs of a finished run into a `Result`."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.data.panel import Panel, State
from engine.matching import arrays as at
from engine.result import Result, RunWarning
from engine.rules.lookback import lookback_bars
from engine.rules.tree import Buy, Rule, Sell
from engine.simulation import Simulation
from engine.tenure import every_rule

Int64 = NDArray[np.int64]
MOMENT = pl.Datetime("ns", "Asia/Seoul")
KINDS = ("market", "limit", "stop", "guard stop", "guard target", "delisting")
STATUSES = ("open", "filled", "expired", "cancelled", "refused", "partly filled")
POINTS = ("open", "low", "high", "close")
MOST_TICKERS_NAMED = 8
SESSIONS_A_YEAR = 250
# Of the names listed from 2020 to 2025 about 2 % a year were delisted, merged or moved.
LEAST_ENDING = 0.005


def build_result(simulation: Simulation, timings: dict[str, float]) -> Result:
    """Everything a reader of the run needs, as tables in won, made when they are first read."""
    view = _View(simulation)
    return Result.deferred(
        {
            "equity": view.equity,
            "orders": view.orders,
            "fills": view.fills,
            "trades": view.trades,
            "positions": view.positions,
            "warnings": lambda: tuple(view.warnings()),
            "result_hash": view.hash,
        },
        rules=view.rules,
        refusals=view.refusals(),
        config=simulation.exchange.config.model_dump(mode="json"),
        data=simulation.exchange.panel.manifest.model_dump(mode="json", by_alias=True, exclude={"files"}),
        timings=timings,
        initial_cash=simulation.exchange.config.cash_won,
        interval=simulation.exchange.panel.interval,
        model_costs={},
        model_run={},
    )


class _View:
    """The arrays of a run under the names that tables need."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.panel: Panel = simulation.exchange.panel
        self.scale = simulation.exchange.scale
        self.book = simulation.book
        self.account = self.book.account
        self.first, self.last = simulation.first, simulation.last
        self.order_log = self.book.orders[: self.account[at.ORDER_COUNT]]
        self.fill_log = self.book.fills[: self.account[at.FILL_COUNT]]
        self.marks = self.book.marks[self.first : self.last]
        self.curve = self.book.curve[: self.account[at.CURVE_COUNT]]
        self.tickers = pl.Series(self.panel.tickers, dtype=pl.String)
        names = self.panel.instruments["name"].fill_null("").to_list()
        self.names = pl.Series([name or code for name, code in zip(names, self.panel.tickers, strict=True)])
        self.rules = every_rule(simulation.tenures, simulation.rules.source)
        self.rule_ids = [rule.id for rule in simulation.rules.source]

    def won(self, units: Int64) -> pl.Series:
        """Money in won: whole won on raw data, two decimals on scaled data."""
        return pl.Series(np.ascontiguousarray(units) if self.scale == 1 else units / self.scale)

    def times(self, rows: Int64) -> pl.Series:
        return pl.Series(self.panel.closed_at_ns[rows]).cast(MOMENT)

    def dates(self, rows: Int64) -> pl.Series:
        return pl.Series(self.panel.session[rows].astype(np.int32)).cast(pl.Date)

    @cached_property
    def rule_lists(self) -> pl.Series:
        """Ids of the rules behind each order, the deciding one first."""
        parts, begin = [], 0
        for tenure in self.simulation.tenures:
            parts.append(_rule_lists(tenure.named, [rule.id for rule in tenure.rules]))
            begin = tenure.orders_to
        parts.append(_rule_lists(self.order_log[begin:, _NAMES], self.rule_ids))
        return pl.concat(parts)

    def benchmark(self) -> pl.Series:
        index = self.panel.indices.get(self.simulation.exchange.config.benchmark)
        if index is None:
            return pl.Series([None], dtype=pl.Float64).new_from_index(0, self.last - self.first)
        return pl.Series(np.ascontiguousarray(index[3, self.first : self.last])).fill_nan(None)

    @cached_property
    def lasting(self) -> Int64:
        """For how many bars each row of the curve stands."""
        return np.diff(np.append(self.curve[:, at.CURVE_ROW], self.last))

    def carried(self, field: int) -> Int64:
        """A field of the curve on every bar: where nothing happened it is as it was on the bar before."""
        return np.repeat(self.curve[:, field], self.lasting)

    def equity(self) -> pl.DataFrame:
        rows, cash = np.arange(self.first, self.last), self.carried(at.CURVE_CASH)
        money = {
            "orderable": at.CURVE_ORDERABLE,
            "receivable": at.CURVE_RECEIVABLE,
            "payable": at.CURVE_PAYABLE,
            "fees": at.CURVE_FEES,
            "stt": at.CURVE_TAXES,
            "rural": at.CURVE_RURAL,
            "realised": at.CURVE_REALISED,
            "distributions": at.CURVE_INCOME,
            "dividends": at.CURVE_DIVIDENDS,
            "dividend_tax": at.CURVE_DIVIDEND_TAX,
        }
        return pl.DataFrame(
            {
                "time": self.times(rows),
                "session": self.dates(rows),
                "cash": self.won(cash),
                "holdings": self.won(self.marks - cash),
                "equity": self.won(self.marks),
                "positions": self.carried(at.CURVE_HELD),
                **{name: self.won(self.carried(field)) for name, field in money.items()},
                "benchmark": self.benchmark(),
                "warmup": rows < self.warmup_until(),
                "blocked": self.carried(at.CURVE_BLOCKED) == 1,
            }
        )

    def warmup_until(self) -> int:
        """First row that is rated: every window is full for a name listed from the start, or an order was sent before.

        A rule with a short window trades while a longer one still fills; what that earns or loses must not vanish.
        """
        full = max((lookback_bars(node) for node in self.simulation.nodes), default=1) - 1
        return min(full, int(self.order_log[0, at.ORDER_ROW]) + 1) if len(self.order_log) else full

    def orders(self) -> pl.DataFrame:
        log = self.order_log
        status = log[:, at.ORDER_STATUS].copy()
        partly = (log[:, at.ORDER_FILLED] > 0) & (log[:, at.ORDER_FILLED] < log[:, at.ORDER_QUANTITY])
        status[partly & (status != at.STATUS_OPEN)] = STATUSES.index("partly filled")
        # An offset from an opening price that never came is no price.
        priced = (log[:, at.ORDER_KIND] != at.MARKET) & (log[:, at.ORDER_RELATIVE] == 0)
        done = log[:, at.ORDER_DONE_ROW]
        finished = log[:, at.ORDER_STATUS] != at.STATUS_OPEN
        col = log[:, at.ORDER_COL]
        return pl.DataFrame(
            {
                "id": log[:, at.ORDER_ID],
                "sent_at": self.times(log[:, at.ORDER_ROW]),
                "session_sent": self.dates(log[:, at.ORDER_ROW]),
                "ticker": self.tickers.gather(col),
                "name": self.names.gather(col),
                "side": _SIDES.gather((log[:, at.ORDER_SIDE] != at.BUY).astype(np.int64)),
                "kind": pl.Series(KINDS).gather(log[:, at.ORDER_KIND]),
                "price": _masked(self.won(log[:, at.ORDER_PRICE]), priced),
                "quantity": log[:, at.ORDER_QUANTITY],
                "filled": log[:, at.ORDER_FILLED],
                "status": pl.Series(STATUSES).gather(status),
                "reason": pl.Series(("", *at.REFUSAL_NAMES[1:])).gather(log[:, at.ORDER_REASON]),
                "rule_ids": self.rule_lists,
                "done_at": _masked(self.times(np.where(finished, done, 0)), finished),
            }
        )

    def fills(self) -> pl.DataFrame:
        log = self.fill_log
        amount = log[:, at.FILL_PRICE] * log[:, at.FILL_QUANTITY]
        points = pl.Series(POINTS if self.simulation.exchange.config.path == "low_first" else _HIGH_FIRST)
        return pl.DataFrame(
            {
                "order_id": log[:, at.FILL_ORDER],
                "time": self.times(log[:, at.FILL_ROW]),
                "session": self.dates(log[:, at.FILL_ROW]),
                "point": points.gather(log[:, at.FILL_POINT]),
                "ticker": self.tickers.gather(log[:, at.FILL_COL]),
                "side": _SIDES.gather((log[:, at.FILL_SIDE] != at.BUY).astype(np.int64)),
                "quantity": log[:, at.FILL_QUANTITY],
                "price": self.won(log[:, at.FILL_PRICE]),
                "amount": self.won(amount),
                "fee": self.won(log[:, at.FILL_FEE]),
                "stt": self.won(log[:, at.FILL_TAX]),
                "rural": self.won(log[:, at.FILL_RURAL]),
                "realised": self.won(log[:, at.FILL_REALISED]),
                "slippage": self.won(log[:, at.FILL_SLIPPAGE]),
            }
        )

    def trades(self) -> pl.DataFrame:
        """One row a closing sell order, in the order in which they were sent."""
        log = self.fill_log
        buys = log[log[:, at.FILL_SIDE] == at.BUY]
        sells = log[log[:, at.FILL_SIDE] != at.BUY]
        sells = sells[np.argsort(sells[:, at.FILL_ORDER], kind="stable")]
        order_ids, begin = np.unique(sells[:, at.FILL_ORDER], return_index=True)
        total = np.add.reduceat(sells, begin) if len(begin) else sells
        last_fill = sells[np.append(begin[1:], len(sells)) - 1] if len(begin) else sells
        # The first purchase of each position tells when and why it was opened.
        opened, place = np.unique(buys[:, at.FILL_POSITION], return_index=True)
        entry = buys[place][np.searchsorted(opened, last_fill[:, at.FILL_POSITION])]
        quantity, cost = total[:, at.FILL_QUANTITY], total[:, at.FILL_COST]
        costs = total[:, [at.FILL_FEE, at.FILL_TAX, at.FILL_RURAL, at.FILL_BUY_FEES]].sum(axis=1)
        pnl = total[:, at.FILL_REALISED] - costs
        col = last_fill[:, at.FILL_COL]
        return pl.DataFrame(
            {
                "ticker": self.tickers.gather(col),
                "name": self.names.gather(col),
                "entry_session": self.dates(entry[:, at.FILL_ROW]),
                "exit_session": self.dates(last_fill[:, at.FILL_ROW]),
                "quantity": quantity,
                "entry_price": cost / quantity / self.scale,
                "exit_price": (cost + total[:, at.FILL_REALISED]) / quantity / self.scale,
                "pnl": self.won(pnl),
                "return": pnl / np.maximum(cost, 1),
                "bars_held": last_fill[:, at.FILL_ROW] - entry[:, at.FILL_ROW],
                "entry_rules": self._rules_of_orders(entry[:, at.FILL_ORDER]),
                "exit_rules": self._rules_of_orders(order_ids),
                "costs": self.won(costs),
                "closes_position": self._closes(last_fill),
            }
        )

    def _rules_of_orders(self, ids: Int64) -> pl.Series:
        return self.rule_lists.gather(ids - 1)

    def _closes(self, sells: Int64) -> NDArray[np.bool_]:
        """Whether each closing order is the last of its position, and the position is gone."""
        numbers = sells[:, at.FILL_POSITION]
        last = np.zeros(len(sells), dtype=np.bool_)
        last[len(sells) - 1 - np.unique(numbers[::-1], return_index=True)[1]] = True
        held = self.book.held[: self.account[at.HELD]]
        return last & ~np.isin(numbers, self.book.positions[held, at.POSITION_NUMBER])

    def positions(self) -> pl.DataFrame:
        col = self.book.held[: self.account[at.HELD]]
        state = self.book.positions[col]
        ended = self.panel.last_row[col]
        price = self.panel.bars[3, np.minimum(self.last - 1, ended), col]
        quantity, cost = state[:, at.POSITION_QUANTITY], state[:, at.POSITION_COST]
        value = price * quantity
        return pl.DataFrame(
            {
                "ticker": self.tickers.gather(col),
                "name": self.names.gather(col),
                "quantity": quantity,
                "average_price": cost / np.maximum(quantity, 1) / self.scale,
                "price": self.won(price),
                "value": self.won(value),
                "pnl": self.won(value - cost),
                "return": (value - cost) / np.maximum(cost, 1),
                "entry_session": self.dates(state[:, at.POSITION_OPENED_ROW]),
                "unresolved": (ended < self.last - 1) & ~self.panel.delisted_known[col],
            }
        )

    def refusals(self) -> dict[str, int]:
        counts = self.book.refusals.tolist()
        return {name: count for name, count in zip(at.REFUSAL_NAMES, counts, strict=True) if count}

    def warnings(self) -> Iterable[RunWarning]:
        """What the run itself has to say; warnings that follow from data and figures are added by the reports."""
        panel, account = self.panel, self.account
        state = panel.state[self.first : self.last]
        jumps = np.flatnonzero((state & State.UNTRADABLE).any(axis=0))
        if len(jumps):
            count = int(np.count_nonzero(state & State.UNTRADABLE))
            yield RunWarning("untradable_jumps", {"count": count, "tickers": self._named(jumps)})
            held = [
                int(col) for col in jumps if self._held_on(int(col), np.flatnonzero(state[:, col] & State.UNTRADABLE))
            ]
            if held:
                yield RunWarning("jumps_held", {"tickers": self._named(np.array(held))})
        filled = int(np.count_nonzero(state & State.FILLED))
        if filled:
            yield RunWarning("gaps_filled", {"count": filled})
        if self._too_few_end():
            yield RunWarning("survivorship")
        unresolved = self.positions().filter(pl.col("unresolved"))["ticker"].to_list()
        if unresolved:
            yield RunWarning("unresolved_tickers", {"count": len(unresolved), "tickers": ", ".join(unresolved)})
        delisted = self.order_log[self.order_log[:, at.ORDER_KIND] == at.DELISTING, at.ORDER_COL]
        if len(delisted):
            haircut = f"{self.simulation.exchange.config.delisting_haircut:.0%}"
            yield RunWarning(
                "delisted_positions",
                {"count": len(delisted), "tickers": self._named(delisted), "haircut": haircut},
            )
        for code, field in (
            ("path_dependent_days", at.PATH_SPLIT_DAYS),
            ("blind_exits", at.BLIND_EXITS),
            ("halted_days", at.HALTED_BARS),
        ):
            if account[field]:
                yield RunWarning(code, {"count": int(account[field])})
        owed = int(self.book.positions[:, at.POSITION_FIELDS :].sum())
        if owed:
            yield RunWarning("dividends_owed", {"amount": f"₩{owed // self.scale:,}"})
        silent = [rule.id for rule in self._silent_rules()]
        if silent:
            yield RunWarning("never_fired", {"rules": ", ".join(silent)})

    def _too_few_end(self) -> bool:
        """Whether fewer names end before the data does than the exchange loses, so that only survivors are in it."""
        years = len(np.unique(self.panel.session[self.first : self.last])) / SESSIONS_A_YEAR
        ended = int(np.count_nonzero(self.panel.last_row < self.last - 1))
        return self.panel.columns > 1 and years > 1 and ended < LEAST_ENDING * self.panel.columns * years

    def _held_on(self, col: int, rows: Int64) -> bool:
        """Whether a name was held over the night before one of these rows (counted from the first row of the run)."""
        code = self.panel.tickers[col]
        spans = self.trades().filter(pl.col("ticker") == code).select("entry_session", "exit_session")
        open_now = self.positions().filter(pl.col("ticker") == code)["entry_session"].to_list()
        nights = [*spans.iter_rows(), *((entry, datetime.date.max) for entry in open_now)]
        days = [self.panel.session_date(self.first + int(row)) for row in rows]
        return any(entry < day <= leave for day in days for entry, leave in nights)

    def _silent_rules(self) -> Iterable[Rule]:
        """Entry and exit rules that no order names."""
        fired = {name for names in self.rule_lists.unique().to_list() for name in names}
        return [rule for rule in self.rules if isinstance(rule.action, Buy | Sell) and rule.id not in fired]

    def _named(self, columns: Int64) -> str:
        """A few ticker codes, and how many more there are."""
        codes = self.tickers.gather(columns[:MOST_TICKERS_NAMED]).to_list()
        more = len(columns) - len(codes)
        return ", ".join(codes) + (f" (+{more})" if more > 0 else "")

    def hash(self) -> str:
        """sha256 over equity, orders and fills in price units."""
        digest = hashlib.sha256(f"{self.scale};{self.panel.interval};".encode())
        digest.update(";".join(self.rule_ids).encode())
        digest.update(";".join(self.panel.tickers).encode())
        for log in (self.panel.session[self.first : self.last], self.marks, self.order_log, self.fill_log):
            digest.update(np.ascontiguousarray(log).tobytes())
        return digest.hexdigest()


def _rule_lists(names: Int64, ids: Sequence[str]) -> pl.Series:
    """Ids for [n, 3] deciding rule and bits of all rules; each combination is looked up once."""
    code = np.zeros(len(names), dtype=np.int64)
    for column in names.T:
        values, place = np.unique(column, return_inverse=True)
        code = code * len(values) + place
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    lists = [_rules_of(deciding, low, high, ids) for deciding, low, high in names[first].tolist()]
    return pl.Series(lists, dtype=pl.List(pl.String)).gather(place)


def _rules_of(deciding: int, low: int, high: int, ids: Sequence[str]) -> list[str]:
    bits = low | (high << 63)
    others = [number for number in range(bits.bit_length()) if bits >> number & 1 and number != deciding]
    return [ids[number] for number in ([deciding] if deciding >= 0 else []) + others]


_NAMES = [at.ORDER_RULE, at.ORDER_RULES_LOW, at.ORDER_RULES_HIGH]
_SIDES = pl.Series(("buy", "sell"))
_HIGH_FIRST = ("open", "high", "low", "close")


def _masked(series: pl.Series, keep: NDArray[np.bool_]) -> pl.Series:
    """The series with null where `keep` is false."""
    return pl.DataFrame({"value": series, "keep": keep}).select(
        pl.when(pl.col("keep")).then(pl.col("value")).alias("value")
    )["value"]
