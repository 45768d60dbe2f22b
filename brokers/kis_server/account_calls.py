"""What an account has and did: holdings, cash, buying power, orders of the day, realised profit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from brokers.kis.account_messages import (
    ASSET_CLASSES,
    AssetRow,
    AssetTotals,
    BalanceRow,
    BalanceTotals,
    RealizedBalanceTotals,
)
from brokers.kis.environment import ENVIRONMENTS
from brokers.kis.notice import AMEND, CANCEL
from brokers.kis.order_kinds import ORDER_KINDS
from brokers.kis.order_messages import (
    BuyingPower,
    DailyOrderRow,
    DailyOrderTotals,
    OpenOrderRow,
    SellableQuantity,
)
from brokers.kis_server.call import Call, Handler, Reply, page, wrong_input
from brokers.kis_server.order_book import BRANCH, ServedOrder
from brokers.kis_server.order_calls import number_text
from brokers.kis_server.order_rules import price_of, refusal
from brokers.kis_server.served_account import DayOf, ServedAccount
from engine.krx.sessions import previous_session
from engine.order import Side

_FOUND = ("KIOK0510", "조회가 완료되었습니다")
_MORE = ("KIOK0500", "조회가 계속됩니다..다음버튼을 Click 하십시오.")
_NOTHING_ON_PAPER = ("70070000", "모의투자 조회할 내역(자료)이 없습니다.")
_KEEP_SOLD_OUT = 2  # sessions for which a holding that was sold out stays in the balance, until it has settled
_LONG = 500  # rows of a page where KIS does not say


def inquire_psbl_order(call: Call) -> Reply:
    """Buying power; a market order is sized at the upper limit."""
    account, market = call.owner, call.world.market
    cash = max(account.money().orderable, 0)
    if not call.values["PDNO"]:
        power = BuyingPower(orderable_cash=cash, reusable=0, cash_amount=cash, cash_quantity=0, most_amount=cash)
        return Reply(blocks={"output": power}, code=_FOUND[0], text=_FOUND[1])
    col = market.column.get(call.values["PDNO"][-6:])
    if col is None:
        raise refusal("unknown", call.environment)
    kind = ORDER_KINDS.get(call.values["ORD_DVSN"])
    if kind is None:
        raise wrong_input("ORD_DVSN")
    asked = call.whole("ORD_UNPR") if call.values["ORD_UNPR"] else 0
    price = price_of(market, col, kind, Side.BUY, asked)
    quantity = account.buyable(col, price)
    each = price or _market_price(call, col)
    power = BuyingPower(
        orderable_cash=cash,
        orderable_substitute=0,
        reusable=max(cash - max(account.money().deposit, 0), 0),
        sizing_price=each,
        cash_amount=cash,
        cash_quantity=quantity,
        most_amount=cash,
        most_quantity=quantity,
        foreign_cash=0,
    )
    return Reply(blocks={"output": power}, code=_FOUND[0], text=_FOUND[1])


def _market_price(call: Call, col: int) -> int:
    limits = call.world.market.limits(col)
    return limits.upper if limits is not None else int(call.world.market.last[col])


def inquire_psbl_sell(call: Call) -> Reply:
    """Shares of one holding that can be sold."""
    account, col = call.owner, call.column("PDNO")
    market = call.world.market
    held, cost, price = account.held(col), account.cost(col), int(market.last[col])
    today = account.day(market.day).get(col, DayOf())
    row = SellableQuantity(
        ticker=market.panel.tickers[col],
        name=market.names[col],
        bought=today.bought,
        sold=today.sold,
        quantity=held,
        unsaved_quantity=0,
        sellable=account.sellable(col),
        average_price=_average(cost, held),
        cost=cost,
        price=price,
        value=price * held,
        profit=price * held - cost,
        profit_percent=_percent(price * held - cost, cost),
    )
    return Reply(blocks={"output": row}, code=_FOUND[0], text=_FOUND[1])


def inquire_balance(call: Call) -> Reply:
    """Holdings, and the cash of the account."""
    rows, next_page = page(call, _balance_rows(call), _rows_a_page(call))
    code, text = _MORE if next_page else _FOUND
    return Reply(
        blocks={"output1": rows, "output2": [_balance_totals(call)]}, code=code, text=text, next_page=next_page
    )


def inquire_balance_rlz_pl(call: Call) -> Reply:
    """The same, with today's realised profit."""
    account = call.owner
    today = account.day(call.world.market.day).values()
    realised, cost = sum(day.realised for day in today), sum(day.cost_of_sold for day in today)
    net = realised - sum(day.costs for day in today)
    totals = _balance_totals(call)
    rest = {name: getattr(totals, name) for name in totals.__dataclass_fields__}
    full = RealizedBalanceTotals(
        **rest,
        realized_profit=realised,
        realized_percent=_percent(realised, cost),
        net_profit=net,
        net_percent=_percent(net, cost),
    )
    rows, next_page = page(call, _balance_rows(call), _rows_a_page(call))
    return Reply(blocks={"output1": rows, "output2": [full]}, code=_FOUND[0], text=_FOUND[1], next_page=next_page)


def _balance_rows(call: Call) -> list[BalanceRow]:
    account, market = call.owner, call.world.market
    session = int(account.simulation.exchange.session_number[market.row])
    gone = [col for col, when in account.sold_out.items() if session - when < _KEEP_SOLD_OUT]
    return [_balance_row(call, col) for col in sorted({*account.holdings(), *gone})]


def _balance_row(call: Call, col: int) -> BalanceRow:
    account, market = call.owner, call.world.market
    held, cost, price = account.held(col), account.cost(col), int(market.last[col])
    today = account.day(market.day).get(col, DayOf())
    before = account.day(_day_before(market.day)).get(col, DayOf())
    change = price - int(market.previous_close[col])
    return BalanceRow(
        ticker=market.panel.tickers[col],
        name=market.names[col],
        trade_kind="현금",
        bought_yesterday=before.bought,
        sold_yesterday=before.sold,
        bought_today=today.bought,
        sold_today=today.sold,
        quantity=held,
        sellable=account.sellable(col),
        average_price=_average(cost, held),
        cost=cost,
        price=price,
        value=price * held,
        profit=price * held - cost,
        profit_percent=_percent(price * held - cost, cost),
        return_percent=_percent(price * held - cost, cost),
        loan_amount=0,
        change_percent=_percent(change, int(market.previous_close[col])),
        change=change,
    )


def _balance_totals(call: Call) -> BalanceTotals:
    account, market = call.owner, call.world.market
    money = account.money()
    value, cost = _value(account), sum(account.cost(col) for col in account.holdings())
    today, before = account.day(market.day).values(), account.day(_day_before(market.day)).values()
    total, before_today = money.deposit_d2 + value, account.equity_yesterday()
    return BalanceTotals(
        deposit=money.deposit,
        deposit_d1=money.deposit_d1,
        deposit_d2=money.deposit_d2,
        bought_yesterday=sum(day.bought_amount for day in before),
        bought_today=sum(day.bought_amount for day in today),
        sold_yesterday=sum(day.sold_amount for day in before),
        sold_today=sum(day.sold_amount for day in today),
        costs_yesterday=sum(day.costs for day in before),
        costs_today=sum(day.costs for day in today),
        loans=0,
        stock_value=value,
        total_value=total,
        net_assets=total,
        cost=cost,
        value=value,
        profit=value - cost,
        total_value_yesterday=before_today,
        change=total - before_today,
        change_percent=_percent(total - before_today, before_today),
    )


def inquire_account_balance(call: Call) -> Reply:
    """All assets by class; this server has stocks and cash."""
    account = call.owner
    money, value = account.money(), _value(account)
    cost = sum(account.cost(col) for col in account.holdings())
    total = money.deposit_d2 + value
    known = {
        "주식": (cost, value, value - cost),
        "예수금": (money.deposit, money.deposit_d2, 0),
        "합계": (cost + money.deposit_d2, total, value - cost),
    }
    rows = []
    for name in ASSET_CLASSES:
        paid, worth, profit = known.get(name, (0, 0, 0))
        weight = _percent(worth, total)
        rows.append(
            AssetRow(cost=paid, value=worth, profit=profit, credit_loan=0, net_assets=worth, weight_percent=weight)
        )
    totals = AssetTotals(
        cost=cost,
        net_assets=total,
        loans=0,
        profit=value - cost,
        value=value,
        total_assets=total,
        total_deposit=money.deposit_d2,
        deposit=money.deposit,
        receivable_today=0,
        subscription_deposit=0,
    )
    return Reply(blocks={"output1": rows, "output2": totals}, code=_FOUND[0], text=_FOUND[1])


def inquire_psbl_rvsecncl(call: Call) -> Reply:
    """Orders that can still be amended or cancelled."""
    account, values = call.owner, call.values
    wanted = {"1": Side.SELL, "2": Side.BUY}.get(values["INQR_DVSN_2"])
    orders = [order for order in account.open_orders() if wanted in (None, order.side)]
    rows, next_page = page(call, [_open_row(call, order) for order in reversed(orders)], _rows_a_page(call))
    return Reply(blocks={"output": rows}, code=_FOUND[0], text=_FOUND[1], next_page=next_page)


def _open_row(call: Call, order: ServedOrder) -> OpenOrderRow:
    account = call.owner
    return OpenOrderRow(
        branch=BRANCH[call.environment],
        order_number=number_text(call, order.number),
        original_number="" if order.original is None else number_text(call, order.original),
        kind_name=order.kind.korean,
        ticker=order.ticker,
        name=call.world.market.names[order.col],
        amend_cancel_name="정정" if order.request == AMEND else "",
        quantity=order.quantity,
        price=order.price,
        order_time=order.sent_at.time(),
        filled=account.filled(order),
        filled_amount=account.amount(order),
        amendable=account.rest(order),
        side_code=_side_code(order.side),
        kind_code=order.kind.code,
        exchange=order.exchange,
        trigger_price=order.trigger,
    )


def inquire_daily_ccld(call: Call) -> Reply:
    """Every order of a range of days, whatever became of it."""
    account, values = call.owner, call.values
    orders = account.orders.between(call.day("INQR_STRT_DT"), call.day("INQR_END_DT"))
    side = {"01": Side.SELL, "02": Side.BUY}.get(values["SLL_BUY_DVSN_CD"])
    number = values["ODNO"]
    rows = []
    for order in orders:
        filled, rest = account.filled(order), account.rest(order)
        if (
            side in (None, order.side)
            and values["PDNO"][-6:] in ("", order.ticker)
            and (not number or (number.isdigit() and int(number) == order.number))
            and (values["CCLD_DVSN"] != "01" or filled > 0)
            and (values["CCLD_DVSN"] != "02" or rest > 0)
            and values["EXCG_ID_DVSN_CD"] in ("", "ALL", order.exchange)
        ):
            rows.append((order, _daily_row(call, order, filled, rest)))
    if values["INQR_DVSN"] != "01":
        rows.reverse()
    totals = _daily_totals(account, [order for order, _ in rows])
    shown, next_page = page(call, [row for _, row in rows], _rows_a_page(call))
    if call.faults.fires("empty_output1", call.endpoint.name):
        shown, next_page = [], None
    code, text = _MORE if next_page else _FOUND
    if not rows and call.environment == "paper":
        code, text = _NOTHING_ON_PAPER
    return Reply(blocks={"output1": shown, "output2": totals}, code=code, text=text, next_page=next_page)


def _daily_row(call: Call, order: ServedOrder, filled: int, rest: int) -> DailyOrderRow:
    amount = call.owner.amount(order)
    name = "매도" if order.side is Side.SELL else "매수"
    name += {AMEND: "정정", CANCEL: "취소"}.get(order.request, "")
    if order.rejected:
        name = "SELL REJECT" if order.side is Side.SELL else "BUY REJECT"
    return DailyOrderRow(
        order_date=call.world.dates.out_day(order.session),
        branch=BRANCH[call.environment],
        order_number=number_text(call, order.number),
        original_number="" if order.original is None else number_text(call, order.original),
        kind_name=order.kind.korean,
        side_code=_side_code(order.side),
        side_name=name,
        ticker=order.ticker,
        name=call.world.market.names[order.col],
        quantity=order.quantity,
        price=order.price,
        order_time=order.sent_at.time(),
        filled=filled,
        average_price=_average(amount, filled),
        cancelled=order.cancelled > 0 and rest == 0,
        filled_amount=amount,
        channel="OpenAPI",
        kind_code=order.kind.code,
        cancelled_quantity=order.cancelled,
        remaining=rest,
        rejected=order.rejected,
        condition_name={"0": "없음", "1": "IOC", "2": "FOK"}[order.immediate],
        product_type="300",
        exchange_code="02",
        order_branch=BRANCH[call.environment],
        exchange=order.exchange,
        trigger_price=order.trigger,
    )


def _daily_totals(account: ServedAccount, orders: Iterable[ServedOrder]) -> DailyOrderTotals:
    orders = [order for order in orders if not order.is_cancel]
    filled, amount = sum(map(account.filled, orders)), sum(map(account.amount, orders))
    return DailyOrderTotals(
        ordered=sum(order.quantity for order in orders),
        filled=filled,
        filled_amount=amount,
        estimated_costs=sum(map(account.costs, orders)),
        average_price=_average(amount, filled),
    )


def _rows_a_page(call: Call) -> int:
    return ENVIRONMENTS[call.environment].page_rows.get(call.endpoint.name, _LONG)


def _value(account: ServedAccount) -> int:
    return sum(int(account.market.last[col]) * account.held(col) for col in account.holdings())


def _day_before(day: date) -> date:
    return previous_session(day)


def _side_code(side: Side) -> str:
    return "01" if side is Side.SELL else "02"


def _average(amount: int, quantity: int) -> Decimal:
    return Decimal(amount) / quantity if quantity else Decimal(0)


def _percent(part: int, whole: int) -> Decimal:
    return Decimal(part) * 100 / whole if whole else Decimal(0)


ACCOUNT_CALLS: dict[str, Handler] = {
    "inquire_psbl_order": inquire_psbl_order,
    "inquire_psbl_sell": inquire_psbl_sell,
    "inquire_balance": inquire_balance,
    "inquire_balance_rlz_pl": inquire_balance_rlz_pl,
    "inquire_account_balance": inquire_account_balance,
    "inquire_psbl_rvsecncl": inquire_psbl_rvsecncl,
    "inquire_daily_ccld": inquire_daily_ccld,
}
