"""The replay exchange a second time, in plain Python: slow, exact, and written to be read.

It follows the design word by word and shares no code with `engine.matching`; only the dated tables of the exchange
(ticks, limits, taxes, trading units) are the same. Integers have no bound here. `Reference.result` holds the orders,
the fills and the account after every bar, to be compared with the kernels'.

One bar, in this order:

1. first bar of a session: what is due today settles, the session's cost sums start anew;
2. who holds a share that goes ex dividend is owed it, dividends that fall due are paid, corporate actions restate
   shares and open orders, then delisted holdings are written off;
3. the path O, L, H, C (or O, H, L, C): at each point all sells in order of acceptance, then the guarded levels (in
   `tests.reference_guards`), then all purchases;
   after each fill the script may send orders, which take part from the next point on;
4. last bar of a session: day orders that have had their chance expire; holdings are marked at the close.

After the bar the script's orders are checked one by one and sent.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from engine.config import BacktestConfig
from engine.data.panel import CASH, CLOSE, HIGH, LOW, OPEN, VOLUME, Panel, State
from engine.krx.costs import dividend_tax_ppb, tax_rates_ppb
from engine.krx.instrument_class import InstrumentClass, instrument_class
from engine.krx.price_limit import first_day_limits, limit_percent, limits_of
from engine.krx.quantities import trading_unit
from engine.krx.sessions import next_session
from engine.krx.tables.price_limits import FIRST_DAY, MULTIPLE_APPLIES, IssueBased
from engine.krx.tick_size import adjusted_base, grid_above, grid_below, tick_size

PPB = 10**9


@dataclass(frozen=True)
class Ask:
    """One order that the script wants: side +1 buys, −1 sells; kind "market", "limit" or "stop"; price in units."""

    col: int
    side: int
    quantity: int
    kind: str = "market"
    price: int = 0


@dataclass
class Order:
    """An accepted order."""

    ask: Ask
    number: int
    quantity: int
    price: int
    first: tuple[int, int]  # row and point from which it takes part
    sent_row: int
    reserved: int = 0
    each: int = 0  # price at which a share reserves cash
    mark: int = 0  # close of the name when it was sent, for the limits
    filled: int = 0
    amount: int = 0
    fee: int = 0
    tax: int = 0
    rural: int = 0
    triggered: bool = False
    guards: tuple[int, ...] = ()  # the exit rules that asked for it
    status: str = "open"
    done_row: int = -1

    @property
    def rest(self) -> int:
        return self.quantity - self.filled


@dataclass
class Holding:
    """Shares of one name with their cost."""

    shares: int = 0
    cost: int = 0


@dataclass(frozen=True)
class Filled:
    """One execution."""

    order: int
    row: int
    point: int
    col: int
    side: int
    quantity: int
    price: int
    fee: int
    tax: int
    rural: int
    slippage: int


@dataclass(frozen=True)
class After:
    """The account after a bar, before the orders of the evening."""

    cash: int  # settled and unsettled
    settled: int
    equity: int
    orderable: int
    fees: int
    taxes: int
    rural: int
    realised: int


@dataclass
class Outcome:
    """What a run leaves behind."""

    orders: list[Order] = field(default_factory=list)
    fills: list[Filled] = field(default_factory=list)
    curve: list[After] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)
    income: tuple[int, int, int] = (0, 0, 0)  # dividends after tax, the tax, distributions of funds


Script = Callable[["Reference", int], list[Ask]]  # the exchange and the row (or the number of the fill)


def floor_of(amount: int, rate_ppb: int, step: int = 1) -> int:
    """amount × rate, rounded down to `step`."""
    return amount * rate_ppb // PPB // step * step


def most(limit: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `limit` that fits, 0 if none does; what fits, fits for every smaller number."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


class Reference:
    """One account on one market.

    Args:
        panel: the data.
        config: as for the kernels.
    """

    def __init__(self, panel: Panel, config: BacktestConfig) -> None:
        self.panel, self.config = panel, config
        self.scale = panel.manifest.price_scale
        self.raw = not panel.manifest.adjusted
        self.bars = panel.bars.tolist()
        self.state = panel.state.tolist()
        self.base = panel.base.tolist()
        self.days = [datetime.date(1970, 1, 1) + datetime.timedelta(days=day) for day in panel.session.tolist()]
        self.days.append(next_session(self.days[-1]))
        kinds = panel.instruments.select("market", "product", "multiple", "sector").rows()
        self.kinds = [instrument_class(market, product) for market, product, *_ in kinds]
        self.multiples = [multiple for *_, multiple, _ in kinds]
        self.sectors = [sector for *_, sector in kinds]
        self.settled = config.cash_won * self.scale
        self.due: dict[int, int] = {}  # money by session number; purchases are negative
        self.holdings = [Holding() for _ in panel.tickers]
        self.sessions = self._number_sessions()
        self.day_sums: dict[tuple[InstrumentClass, int], list[int]] = {}
        self.budget_used: dict[int, int] = {}
        self.fees = self.taxes = self.rural = self.realised = 0
        self.owed: dict[int, int] = {}  # by number of the dividend, before tax
        self.dividends = self.dividend_tax = self.distributions = 0
        self.equity = self.day_start = self.settled
        self.blocked = False
        self.result = Outcome()

    # The account.

    @property
    def cash(self) -> int:
        """Settled and unsettled money."""
        return self.settled + sum(self.due.values())

    @property
    def open(self) -> list[Order]:
        """Open orders in order of acceptance."""
        return [order for order in self.result.orders if order.status == "open"]

    @property
    def orderable(self) -> int:
        """Money that a purchase may use."""
        return self.cash - sum(order.reserved for order in self.open)

    def free_shares(self, col: int) -> int:
        """Shares that no open order sells."""
        selling = sum(order.rest for order in self.open if order.ask.col == col and order.ask.side < 0)
        return self.holdings[col].shares - selling

    # The market.

    def close(self, row: int, col: int) -> int:
        """Close of the bar; of a name whose rows have ended, the last one."""
        return self.bars[CLOSE][min(row, int(self.panel.last_row[col]))][col]

    def down(self, price: int, row: int, col: int) -> int:
        """Down to the grid."""
        return grid_below(price, self.days[row], self.kinds[col]) if self.raw and price > 0 else price

    def up(self, price: int, row: int, col: int) -> int:
        """Up to the grid."""
        return grid_above(price, self.days[row], self.kinds[col]) if self.raw and price > 0 else price

    def limits(self, base: int, row: int, col: int) -> tuple[int, int] | None:
        """Lower and upper limit of the day around a base price."""
        if not self.raw or base <= 0:
            return None
        return limits_of(base, self.days[row], self.kinds[col], self.multiples[col])

    def limits_at(self, row: int, col: int, point: int) -> tuple[int, int] | None:
        """Lower and upper limit for an order that trades at a point of a bar; None where there is none."""
        state, kind, day = self.state[row][col], self.kinds[col], self.days[row]
        base = self.base[row][col]
        if state & State.LIQUIDATION:
            return None
        if not state & State.FIRST_DAY or kind not in FIRST_DAY:
            return self.limits(base, row, col)
        first = self.sessions.index(self.sessions[row])
        traded = [bar for bar in range(first, row + 1) if self.state[bar][col] & State.TRADED]
        if not traded or not self.raw:
            return None
        opening = self.bars[OPEN][traded[0]][col]
        by_issue = isinstance(FIRST_DAY[kind].at(day), IssueBased)
        if not by_issue and (row, point) > (traded[0], 0):
            return self.limits(opening, row, col)
        known = base > 0 and base != opening  # else nobody can say whether it is the issue price
        return first_day_limits(base, day, kind) if known else None

    def path(self, row: int, col: int) -> list[int]:
        """Four prices of the bar."""
        middle = [LOW, HIGH] if self.config.path == "low_first" else [HIGH, LOW]
        return [self.bars[part][row][col] for part in (OPEN, *middle, CLOSE)]

    def trades(self, row: int, col: int) -> bool:
        """Whether this bar has trades that orders can meet."""
        state = self.state[row][col]
        return bool(state & State.TRADED) and not state & State.UNTRADABLE and self.bars[VOLUME][row][col] > 0

    def locked(self, row: int, col: int) -> int:
        """+1: only buyers, at the upper limit. −1: only sellers, at the lower. 0: both."""
        prices = {self.bars[part][row][col] for part in (OPEN, HIGH, LOW, CLOSE)}
        limits = self.limits_at(row, col, 0)
        if len(prices) > 1 or limits is None:
            return 0
        (price,) = prices
        return 1 if price >= limits[1] else -1 if price <= limits[0] else 0

    # One bar.

    def trade_bar(self, row: int, on_fill: Script) -> None:
        """Everything that happens between two closes."""
        if row == 0 or self.sessions[row] != self.sessions[row - 1]:
            self.settled += self.due.pop(self.sessions[row], 0)
            self.day_sums.clear()
            self.day_start, self.blocked = self.equity, False
        self.budget_used.clear()
        self.act(row)
        before = len(self.result.fills)
        self.write_off(row)
        self.tell(on_fill, before, row, 0)
        for point in range(4):
            before = len(self.result.fills)
            self.meet_all(-1, row, point)
            self.meet_guards(row, point)
            self.meet_all(1, row, point)
            self.tell(on_fill, before, row, point)
        self.end(row)

    def meet_all(self, side: int, row: int, point: int) -> None:
        """All open orders of one side, in order of acceptance."""
        for order in self.open:
            if order.ask.side == side and order.first <= (row, point):
                self.meet(order, row, point)

    def meet_guards(self, row: int, point: int) -> None:
        """Nothing is guarded here."""

    def sold(self, order: Order, quantity: int) -> None:
        """Shares have left; nobody waits for it here."""

    def tell(self, on_fill: Script, before: int, row: int, point: int) -> None:
        """Let the script answer the fills since number `before`."""
        for number in range(before, len(self.result.fills)):
            for ask in on_fill(self, number):
                self.send(ask, row - 1, sent_row=row, point=point)

    def end(self, row: int) -> None:
        """Expire, mark, test the day's loss, note the account."""
        if self.is_last(row):
            for order in self.open:
                if order.first[0] <= row:
                    self.finish(order, "expired", row)
        value = sum(held.shares * self.close(row, col) for col, held in enumerate(self.holdings) if held.shares)
        self.equity = self.cash + value
        limit = self.config.limits.max_day_loss
        if limit is not None and (self.day_start - self.equity) * PPB >= self.day_start * round(limit * PPB):
            if self.day_start > 0:
                self.blocked = True
            for order in self.open:
                if order.ask.side > 0 and self.blocked:
                    self.finish(order, "cancelled", row)
        self.result.income = (self.dividends, self.dividend_tax, self.distributions)
        self.result.curve.append(
            After(
                cash=self.cash,
                settled=self.settled,
                equity=self.equity,
                orderable=self.orderable,
                fees=self.fees,
                taxes=self.taxes,
                rural=self.rural,
                realised=self.realised,
            )
        )

    def is_last(self, row: int) -> bool:
        """Whether the session ends with this bar."""
        return row + 1 == len(self.sessions) or self.sessions[row + 1] != self.sessions[row]

    def finish(self, order: Order, status: str, row: int) -> None:
        """A terminal state."""
        order.status, order.reserved, order.done_row = status, 0, row

    # Matching.

    def meet(self, order: Order, row: int, point: int) -> None:
        """Let one order meet one point of the path."""
        ask = order.ask
        if not self.trades(row, ask.col):
            return
        path = self.path(row, ask.col)
        here = path[point]
        there = path[point - 1] if point else here
        kind = "market" if order.triggered else ask.kind
        price: int | None = here
        if kind in ("limit", "stop"):
            meets = self.at_limit if kind == "limit" else self.at_stop
            price = meets(ask.side, order.price, here, there, point, waited=order.first < (row, point))
        if price is None:
            return
        if kind == "stop":
            order.triggered = True
        if self.locked(row, ask.col) != ask.side:
            self.execute(order, row, point, price, slips=kind != "limit")

    def at_limit(self, side: int, limit: int, here: int, there: int, point: int, waited: bool) -> int | None:
        """At the auction if it is as good; on the way only beyond the limit, and not better than the way offers."""
        if point == 0:
            return here if side * here <= side * limit else None
        best, worst = sorted((here, there), key=lambda price: side * price)
        beyond = side * best < side * limit or (self.config.touch and best == limit)
        if not beyond:
            return None
        return min(limit, worst) if side > 0 else max(limit, worst)

    def at_stop(self, side: int, level: int, here: int, there: int, point: int, waited: bool) -> int | None:
        """The worse of level and auction; on the way the level; as a market order if it is set off when it arrives."""
        if point == 0:
            return here if side * here >= side * level else None
        if side * there >= side * level:
            return there if waited else here
        return level if side * here >= side * level else None

    def execute(self, order: Order, row: int, point: int, price: int, slips: bool) -> None:
        """Fill what volume, cash and holding allow."""
        ask = order.ask
        wanted = min(order.rest, self.volume_left(row, ask.col))
        if wanted <= 0:
            return
        paid = self.slip(row, point, ask.col, ask.side, price, wanted) if slips else price
        if ask.side > 0:
            money = self.orderable + order.reserved
            wanted = most(wanted, lambda shares: paid * shares + self.costs(order, paid * shares, row)[0] <= money)
        else:
            wanted = min(wanted, self.holdings[ask.col].shares)
        if wanted > 0:
            self.book(order, row, point, paid, wanted, (paid - price) * ask.side * wanted)

    def volume_left(self, row: int, col: int) -> int:
        """Shares of this bar that all our orders together may still take."""
        rate = round(self.config.participation * PPB)
        if rate == 0:
            return 2**62
        return floor_of(self.bars[VOLUME][row][col], rate) - self.budget_used.get(col, 0)

    def slip(self, row: int, point: int, col: int, side: int, price: int, quantity: int) -> int:
        """The price after slippage: worse, on the grid, inside the day's limits."""
        model = self.config.slippage
        if model.model == "none":
            return price
        if model.model == "ticks":
            tick = tick_size(price, self.days[row], self.kinds[col]) if self.raw else 1
            away = int(model.size) * tick
        elif model.model == "rate":
            away = math.ceil(price * Fraction(round(model.size * PPB), PPB))
        else:
            root = math.sqrt(quantity / self.bars[VOLUME][row][col])
            away = math.ceil(price * (round(model.size * PPB) / PPB) * root)
        moved = self.up(price + away, row, col) if side > 0 else max(self.down(max(price - away, 1), row, col), 1)
        limits = self.limits_at(row, col, point)
        if limits is None:
            return moved
        return min(moved, max(limits[1], price)) if side > 0 else max(moved, min(limits[0], price))

    def costs(self, order: Order, amount: int, row: int) -> tuple[int, int, int]:
        """What `amount` more costs: commission, tax, rural tax, each rounded down on the sum of the order or day."""
        ask, config = order.ask, self.config
        if not config.costs:
            return 0, 0, 0
        kind, step = self.kinds[ask.col], config.cost_step_won * self.scale
        rate = config.fee_ppb if kind <= InstrumentClass.KONEX_STOCK else config.fund_fee_ppb
        tax, rural = tax_rates_ppb(self.days[row], kind) if ask.side < 0 else (0, 0)
        if config.cost_rounding == "day":
            done, *charged = self.day_sums.setdefault((kind, ask.side), [0, 0, 0, 0])
        else:
            done, charged = order.amount, [order.fee, order.tax, order.rural]
        total = done + amount
        return tuple(floor_of(total, r, step) - c for r, c in zip((rate, tax, rural), charged, strict=True))  # type: ignore[return-value]

    def book(self, order: Order, row: int, point: int, price: int, quantity: int, slippage: int) -> None:
        """One execution: costs, cash two sessions later, shares, the log."""
        ask, amount = order.ask, price * quantity
        fee, tax, rural = self.costs(order, amount, row)
        if self.config.costs and self.config.cost_rounding == "day":
            sums = self.day_sums[self.kinds[ask.col], ask.side]
            for place, more in enumerate((amount, fee, tax, rural)):
                sums[place] += more
        if ask.side > 0:
            freed = order.reserved
            if quantity < order.rest:
                freed = min(freed, max(order.each * quantity, amount) + fee)
            order.reserved -= freed
        order.filled += quantity
        order.amount += amount
        order.fee += fee
        order.tax += tax
        order.rural += rural
        if not order.rest:
            self.finish(order, "filled", row)
        self.budget_used[ask.col] = self.budget_used.get(ask.col, 0) + quantity
        held, when = self.holdings[ask.col], self.sessions[row] + 2
        if ask.side > 0:
            held.shares += quantity
            held.cost += amount
            self.due[when] = self.due.get(when, 0) - amount - fee
        else:
            cost = held.cost * quantity // held.shares
            held.shares -= quantity
            held.cost -= cost
            self.realised += amount - cost
            self.due[when] = self.due.get(when, 0) + amount - fee - tax - rural
        self.fees += fee
        self.taxes += tax
        self.rural += rural
        self.result.fills.append(
            Filled(order.number, row, point, ask.col, ask.side, quantity, price, fee, tax, rural, slippage)
        )
        if ask.side < 0:
            self.sold(order, quantity)

    # Without a trade.

    def act(self, row: int) -> None:
        """Dividends and corporate actions of this bar."""
        dividends = self.panel.dividends
        for number in range(len(dividends)):
            if int(dividends.row[number]) == row:
                self.owed[number] = self.holdings[int(dividends.col[number])].shares * int(dividends.cash[number])
        for number in range(len(dividends)):
            if int(dividends.pay_row[number]) == row:
                self.pay(self.owed.pop(number, 0), row)
        actions = self.panel.actions
        for place in range(len(actions)):
            if int(actions.row[place]) != row:
                continue
            col, held = int(actions.col[place]), self.holdings[int(actions.col[place])]
            if actions.kind[place] == CASH:
                paid = held.shares * int(actions.cash[place])
                self.settled += paid
                self.realised += paid
                self.distributions += paid
            else:
                self.restate(row, col, int(actions.numerator[place]), int(actions.denominator[place]))

    def pay(self, gross: int, row: int) -> None:
        """A dividend comes in less income tax and local income tax, each rounded down."""
        step = self.config.cost_step_won * self.scale
        tax = sum(floor_of(gross, rate, step) for rate in dividend_tax_ppb(self.days[row])) if self.config.costs else 0
        self.settled += gross - tax
        self.realised += gross - tax
        self.dividends += gross - tax
        self.dividend_tax += tax

    def restate(self, row: int, col: int, new: int, old: int) -> None:
        """Every `old` shares become `new`; orders follow; a fraction of a share is paid in cash."""
        for order in self.open:
            if order.ask.col != col:
                continue
            rest = order.rest * new // old
            if rest == 0:
                self.finish(order, "cancelled", row)
                continue
            order.each = order.each * order.rest // rest
            order.mark = order.mark * order.rest // rest
            order.quantity += rest - order.rest
            if order.price:
                # A limit moves away from the market, and so does a stop: up for a sell limit and a buy stop.
                if (order.ask.kind == "stop") == (order.ask.side > 0):
                    order.price = self.up(-(-order.price * old // new), row, col)
                else:
                    order.price = max(self.down(order.price * old // new, row, col), 1)
        held = self.holdings[col]
        if not held.shares:
            return
        kept, fraction = divmod(held.shares * new, old)
        price = self.base[row][col] or self.close(row - 1, col) * old // new
        paid = price * fraction // old
        cost = held.cost * fraction // (held.shares * new)
        held.shares, held.cost = kept, held.cost - cost
        self.settled += paid
        self.realised += paid - cost

    def write_off(self, row: int) -> None:
        """Holdings of names whose rows ended at a known delisting, from the last ticker to the first."""
        keep = PPB - round(self.config.delisting_haircut * PPB)
        for col in reversed(range(len(self.holdings))):
            shares = self.holdings[col].shares
            if not shares or not self.panel.delisted_known[col] or int(self.panel.last_row[col]) >= row:
                continue
            price = floor_of(self.close(row, col), keep)
            order = self.accept(Ask(col, -1, shares, "delisting", price), shares, (row, 0), row, row - 1)
            self.book(order, row, 0, price, shares, 0)

    # Sending.

    def send(self, ask: Ask, row: int, sent_row: int, point: int | None) -> None:
        """Risk check after the close of `row`, then the order, from the next bar or the next point on."""
        verdict = self.check(ask, row)
        if isinstance(verdict, str):
            self.result.refusals[verdict] = self.result.refusals.get(verdict, 0) + 1
            return
        bars, points = self.config.latency_bars, self.config.latency_points
        if point is None:
            first = (sent_row + 1 + bars, points)
        elif bars == 0 and point + 1 + points < 4:
            first = (sent_row, point + 1 + points)
        else:
            first = (sent_row + 1 + bars, 0)
        if first[0] > sent_row and self.refuses_the_opening(first[0]):
            first = (first[0], min(first[1] + 1, 3))
        self.accept(ask, verdict, first, sent_row, row)

    def refuses_the_opening(self, row: int) -> bool:
        """Whether no order can be there for the first price of a bar: the paper account opens with the session."""
        return self.config.venue == "paper" and row < self.panel.rows and self.is_last(row - 1)

    def accept(self, ask: Ask, quantity: int, first: tuple[int, int], sent_row: int, row: int) -> Order:
        """Put it into the book; a purchase reserves its cash unless funding is optimistic."""
        number = len(self.result.orders) + 1
        order = Order(ask, number, quantity, ask.price, first, sent_row, mark=self.close(row, ask.col))
        if ask.side > 0 and self.config.funding == "strict":
            order.each = self.reserve_price(ask, row)
            order.reserved = order.each * quantity + self.fee_to_reserve(ask.col, order.each * quantity)
        self.result.orders.append(order)
        return order

    def fee_to_reserve(self, col: int, amount: int) -> int:
        """Commission of one order, and one rounding step more where a day's sum is rounded."""
        if not self.config.costs:
            return 0
        step = self.config.cost_step_won * self.scale
        rate = self.config.fee_ppb if self.kinds[col] <= InstrumentClass.KONEX_STOCK else self.config.fund_fee_ppb
        return floor_of(amount, rate, step) + (step if self.config.cost_rounding == "day" else 0)

    def reserve_price(self, ask: Ask, row: int) -> int:
        """A limit order its limit; any other the upper limit of the session in which the next bar lies."""
        if ask.kind == "limit":
            return ask.price
        col = ask.col
        base = self.close(row, col)
        if self.is_last(row):
            base = adjusted_base(base, self.days[row + 1], self.kinds[col]) if self.raw else base
        else:
            limits = self.limits_at(row, col, 3)
            if limits is not None:
                return limits[1]
            if self.base[row][col] > 0 and not self.state[row][col] & State.FIRST_DAY:
                base = self.base[row][col]
        limits = self.limits(base, row + 1, col)
        if limits is not None:
            return limits[1]
        percent = limit_percent(self.days[row + 1], self.kinds[col]) or 30
        fund = self.kinds[col] in (InstrumentClass.ETF, InstrumentClass.ETN) and MULTIPLE_APPLIES.at(self.days[row + 1])
        return base + base * percent * (max(abs(self.multiples[col]), 1) if fund else 1) // 100

    def check(self, ask: Ask, row: int) -> int | str:
        """Shares allowed, or the reason why none are."""
        col, limits = ask.col, self.config.limits
        new = not self.holdings[col].shares and not self.pending_shares(col)
        if ask.side > 0 and self.blocked:
            return "day_loss_limit"
        if ask.side > 0 and new and self.names() >= limits.max_positions:
            return "position_count_limit"
        if ask.kind != "market":
            tick = tick_size(ask.price, self.days[row + 1], self.kinds[col]) if self.raw and ask.price > 0 else 1
            if ask.price <= 0 or ask.price % tick:
                return "bad_price"
        if ask.side < 0:
            free = self.free_shares(col)
            return min(ask.quantity, free) if free > 0 else "not_held"
        return self.check_purchase(ask, row)

    def check_purchase(self, ask: Ask, row: int) -> int | str:
        """Every limit in turn."""
        col, limits = ask.col, self.config.limits
        state = self.state[row][col]
        if not state & State.PRESENT or not state & State.TRADED or state & (State.UNTRADABLE | State.LIQUIDATION):
            return "not_tradable"
        if state & State.MANAGED and not limits.allow_managed:
            return "not_tradable"
        price = self.close(row, col)
        if self.equity <= 0 or price <= 0:
            return "not_enough_cash"
        quantity = ask.quantity
        for share, used, reason in (
            (limits.max_position_weight, self.value_of(col, row), "position_weight_limit"),
            (limits.max_sector_weight, self.sector_value(col, row), "sector_limit"),
            (limits.max_gross_exposure, self.gross_value(row), "gross_exposure_limit"),
        ):
            if share == 1.0 and reason != "position_weight_limit":
                continue
            room = floor_of(self.equity, round(share * PPB)) - used
            quantity = min(quantity, max(room, 0) // price)
            if quantity <= 0:
                return reason
            if reason == "position_weight_limit":
                wanted = min(quantity, limits.max_order_won * self.scale // price)
        quantity = min(quantity, limits.max_order_won * self.scale // price)
        if quantity <= 0:
            return "order_value_limit"
        if self.config.funding == "strict":
            quantity = min(quantity, self.affordable(ask, row))
        unit = self.unit(row, col)
        quantity = quantity // unit * unit
        if quantity <= 0:
            return "not_enough_cash"
        small = quantity * price < limits.min_order_won * self.scale
        if small or quantity * PPB < wanted * round(limits.min_order_share * PPB):
            return "order_too_small"
        return quantity

    def unit(self, row: int, col: int) -> int:
        """Shares of which the next session's orders are multiples; adjusted shares have no unit."""
        if not self.raw:
            return 1
        inside = not self.is_last(row) and self.base[row][col] > 0
        before = self.base[row][col] if inside else self.close(row, col)
        return trading_unit(self.days[row + 1], self.kinds[col], before)

    def affordable(self, ask: Ask, row: int) -> int:
        """Most shares whose reservation the orderable cash covers."""
        each, money = self.reserve_price(ask, row), self.orderable
        return most(ask.quantity, lambda shares: each * shares + self.fee_to_reserve(ask.col, each * shares) <= money)

    def pending_shares(self, col: int) -> int:
        return sum(order.rest for order in self.open if order.ask.col == col and order.ask.side > 0)

    def pending_value(self, col: int) -> int:
        return sum(order.rest * order.mark for order in self.open if order.ask.col == col and order.ask.side > 0)

    def names(self) -> int:
        """Names held or being bought."""
        return sum(1 for col, held in enumerate(self.holdings) if held.shares or self.pending_shares(col))

    def value_of(self, col: int, row: int) -> int:
        """Money in one name, purchases on their way included."""
        return self.holdings[col].shares * self.close(row, col) + self.pending_value(col)

    def sector_value(self, col: int, row: int) -> int:
        """Money in all names of the sector; unknown sectors are one sector."""
        same = (other for other, sector in enumerate(self.sectors) if sector == self.sectors[col])
        return sum(self.value_of(other, row) for other in same)

    def gross_value(self, row: int) -> int:
        """Money in all names, as marked at the last close."""
        marked = self.equity - (self.result.curve[-1].cash if self.result.curve else self.equity)
        return marked + sum(self.pending_value(col) for col in range(len(self.holdings)))

    def _number_sessions(self) -> list[int]:
        """Running number of the session of each bar."""
        numbers = [0]
        for before, day in zip(self.days[:-2], self.days[1:-1], strict=True):
            numbers.append(numbers[-1] + (day != before))
        return numbers
