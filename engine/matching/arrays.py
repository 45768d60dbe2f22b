"""Layout of the integer arrays that the step works on: one constant a column, one named tuple a group.

Everything is int64. Money and prices are in price units (won × the dataset's price scale), quantities in shares,
rates in parts per billion. A row is one bar of the panel, a column (`col`) one instrument. The entry points in `step`
take tuples of arrays; inside, they are views that kernels read by name.
"""

from __future__ import annotations

from typing import Any, NamedTuple

PPB = 1_000_000_000
NEVER = 2**62
MOST_MONEY = 2**60  # of one holding, in price units; more is refused before it can overflow

# Panel bars and state bits (the same numbers as in engine.data.panel).
OPEN, HIGH, LOW, CLOSE, VOLUME = 0, 1, 2, 3, 4
PRESENT, TRADED, FIRST_DAY, LIQUIDATION, MANAGED, WARNING, UNTRADABLE = 1, 2, 4, 8, 16, 32, 64

# moment[T]: bits of each bar's time. Eventful: first bar of a session, or a corporate action or delisting takes
# effect before it.
FIRST_OF_SESSION, LAST_OF_SESSION, FIRST_OF_MONTH, EVENTFUL = 1, 2, 4, 8

# venue[S + 1, 6 × VENUE_FIELDS]: dated exchange rules by session; row S is the session after the last bar.
VENUE_TICKS = 0  # which band table
VENUE_LIMIT_PCT = 1
VENUE_TAX = 2
VENUE_RURAL = 3
VENUE_UNIT = 4
VENUE_ROUND_BASE = 5  # 1: an off-grid close is rounded up to become the next base price
VENUE_SINGLE_FROM = 6  # previous close in won from which the unit is one share all the same, 0 = never
VENUE_MULTIPLE = 7  # 1: the multiple of a leveraged fund or note widens its limits
VENUE_FIRST_DAY = 8  # which rule limits a first listing day, a FIRST_DAY_… of engine.krx.arrays
VENUE_FIRST_LOW = 9  # its percentages: lowest and highest opening price, or distance down and up, of the issue price
VENUE_FIRST_HIGH = 10
VENUE_FIELDS = 11

# instruments[N, INSTRUMENT_FIELDS]
INSTRUMENT_CLASS = 0
INSTRUMENT_MULTIPLE = 1
INSTRUMENT_SECTOR = 2  # −1 = unknown
INSTRUMENT_FIRST = 3
INSTRUMENT_LAST = 4
INSTRUMENT_DELISTED = 5  # 1: its rows end at a delisting that the data knows
INSTRUMENT_RESTRICTED = 6  # 1: the configuration never buys it
INSTRUMENT_FIELDS = 7

# actions[n, ACTION_FIELDS], sorted by row
ACTION_ROW, ACTION_COL, ACTION_KIND, ACTION_NUMERATOR, ACTION_DENOMINATOR, ACTION_CASH = range(6)
ACTION_SLOT = 6  # of a dividend: which of the columns behind POSITION_FIELDS keeps what is owed until it is paid
ACTION_TAX = 7  # of a payment: income tax and local income tax withheld, parts per billion
ACTION_LOCAL_TAX = 8
ACTION_FIELDS = 9
# A dividend is two actions: on its ex-date the holders of the moment are owed it, on its day of payment they get it.
ACTION_RATIO, ACTION_DISTRIBUTION, ACTION_ENTITLEMENT, ACTION_PAYMENT = range(4)

# Sides, kinds, points of the path.
BUY, SELL = 1, -1
MARKET, LIMIT, STOP, GUARD_STOP, GUARD_TARGET, DELISTING = range(6)
POINTS = 4  # opening auction, first extreme, second extreme, closing auction

# orders[n, ORDER_FIELDS]: every order ever accepted or refused; the log of the run
ORDER_ID = 0
ORDER_ROW = 1  # bar after whose close (or in which, for guards and on_fill) it was sent
ORDER_COL = 2
ORDER_SIDE = 3
ORDER_KIND = 4
ORDER_PRICE = 5  # limit or stop level; an offset from the opening price if ORDER_RELATIVE
ORDER_QUANTITY = 6
ORDER_FILLED = 7
ORDER_STATUS = 8
ORDER_REASON = 9
ORDER_RULE = 10  # index of the rule that set the action, −1 = none
ORDER_RULES_LOW = 11  # bit mask of all rules that asked for it, rules 0..62
ORDER_RULES_HIGH = 12  # rules 63..125
ORDER_RESERVED = 13  # cash still reserved for it
ORDER_FROM_ROW = 14  # first bar in which it takes part
ORDER_FROM_POINT = 15  # first point of that bar's path
ORDER_DONE_ROW = 16
ORDER_AMOUNT = 17  # traded amount so far
ORDER_FEE = 18
ORDER_TAX = 19
ORDER_RURAL = 20
ORDER_RELATIVE = 21  # 1: price is an offset from the opening price of the first bar in which it takes part
ORDER_ASKED = 22  # quantity asked before the risk check resized it
ORDER_EACH = 23  # price at which one share of a purchase reserves cash
ORDER_SET_OFF = 24  # 1: a stop that the path has reached; its rest trades as a market order
ORDER_MARK = 25  # last close when a purchase was sent: what it counts for in the limits until it fills
ORDER_FIELDS = 26

STATUS_OPEN, STATUS_FILLED, STATUS_EXPIRED, STATUS_CANCELLED, STATUS_REFUSED = range(5)

# Refusal codes: values, never exceptions.
(
    ACCEPTED,
    REFUSED_NOT_TRADABLE,
    REFUSED_BLOCKED,
    REFUSED_DAY_LOSS,
    REFUSED_HALTED,
    REFUSED_POSITIONS,
    REFUSED_WEIGHT,
    REFUSED_SECTOR,
    REFUSED_GROSS,
    REFUSED_CASH,
    REFUSED_NOT_HELD,
    REFUSED_QUANTITY,
    REFUSED_PRICE,
    REFUSED_UNKNOWN_RISK,
    REFUSED_ORDER_VALUE,
    REFUSED_TOO_SMALL,
    REFUSED_RATE,
    REFUSED_TOO_FAR,
    REFUSED_STREAK,
    REFUSED_RESTRICTED,
    REFUSED_WARNED,
) = range(21)
REFUSAL_NAMES = (
    "accepted",
    "not_tradable",
    "buys_blocked",
    "day_loss_limit",
    "halted",
    "position_count_limit",
    "position_weight_limit",
    "sector_limit",
    "gross_exposure_limit",
    "not_enough_cash",
    "not_held",
    "quantity_zero",
    "bad_price",
    "risk_unknown",
    "order_value_limit",
    "order_too_small",
    "order_rate_limit",
    "price_too_far",
    "losing_streak",
    "restricted",
    "warned_issue",
)

# fills[n, FILL_FIELDS]
FILL_ORDER = 0
FILL_ROW = 1
FILL_POINT = 2
FILL_COL = 3
FILL_SIDE = 4
FILL_QUANTITY = 5
FILL_PRICE = 6
FILL_FEE = 7
FILL_TAX = 8
FILL_RURAL = 9
FILL_REALISED = 10  # proceeds − cost of the shares sold, before fees and taxes
FILL_COST = 11  # cost of the shares sold
FILL_SLIPPAGE = 12  # money lost to the slippage model
FILL_POSITION = 13  # number of the position it belongs to
FILL_BUY_FEES = 14  # share of the purchase fees that leaves with the shares sold
FILL_FIELDS = 15

# positions[N, POSITION_FIELDS + dividend slots]: behind the fields stands what dividends not yet paid owe, before tax
POSITION_QUANTITY = 0
POSITION_COST = 1  # total cost without fees
POSITION_OPENED_ROW = 2
POSITION_PEAK = 3  # highest close since the first fill
POSITION_BUY_FEES = 4
POSITION_NUMBER = 5
POSITION_LAST_EXIT = 6  # row on which it was last closed, −1 = never
POSITION_PENDING_BUY = 7  # shares in open purchases
POSITION_PENDING_SELL = 8
POSITION_PENDING_VALUE = 9  # money in open purchases, each at the close after which it was sent
POSITION_NET = 10  # realised profit after costs of the present position
POSITION_BUDGET_ROW = 11  # bar for which the participation budget below is counted
POSITION_BUDGET_USED = 12
POSITION_FIELDS = 13

# account[ACCOUNT_FIELDS]
CASH = 0  # settled deposit
RECEIVABLE = 1
PAYABLE = 2
RESERVED = 3
DEPOSITS = 4
REALISED = 5
FEES = 6
TAXES = 7
RURAL_TAXES = 8
HOLDINGS_COST = 9
HOLDINGS_VALUE = 10
EQUITY = 11
HELD = 12  # number of names held
PENDING_NAMES = 13  # names with an open purchase and no holding
DAY_START_EQUITY = 14  # closing equity of the session before
MONTH_START_EQUITY = 15
PEAK_EQUITY = 16
CONSECUTIVE_LOSSES = 17
HALTED = 18
DAY_LOSS_HIT = 19
ORDER_COUNT = 20
FILL_COUNT = 21
OPEN_COUNT = 22
ARM_COUNT = 23
POSITION_COUNT = 24  # positions ever opened
ACTION_CURSOR = 25
DUE_IN = 26  # three slots by session number modulo 3
DUE_OUT = 29
SLIPPAGE = 32
PROPOSAL_COUNT = 33
PENDING_VALUE = 34
BUYS_BLOCKED = 35  # refusal code while purchases are blocked at this decision, else 0
INCOME = 36  # cash distributions of funds, part of REALISED
PATH_SPLIT_DAYS = 37  # bars on which both a guard stop and a guard target lay inside the range
FRACTION_CASH = 38
BROKEN = 39  # 1: the cash identity failed, 2: a holding is worth more than the integers can count
LIMIT_POSITIONS = 40  # limits in force at this decision: the configuration's, tightened by rules
LIMIT_WEIGHT = 41
LIMIT_SECTOR = 42
LIMIT_DAY_LOSS = 43
BLIND_EXITS = 44  # times that the condition of an exit rule was unknown for a name held
HALTED_BARS = 45  # bars on which a name held could not trade
NEWS = 46  # 1: a decision blocked purchases, which the curve of the next bar has to show
CURVE_COUNT = 47
DIVIDENDS = 48  # dividends of stocks after tax, part of REALISED
DIVIDEND_TAX = 49  # withheld from them: money that never reached the account
LIMIT_STREAK = 50  # consecutive losing positions at which purchases pause, 0 = never
STREAK_ROW = 51  # bar in which that number was last reached or passed, −1 = never
BUYS_DAY = 52  # session for which the purchases sent are counted, as numbered by `next_day`
BUYS_SENT = 53
ACCOUNT_FIELDS = 54

# curve[n, CURVE_FIELDS]: the account after the bars on which more than prices may have changed
(
    CURVE_ROW,
    CURVE_CASH,
    CURVE_HELD,
    CURVE_ORDERABLE,
    CURVE_RECEIVABLE,
    CURVE_PAYABLE,
    CURVE_FEES,
    CURVE_TAXES,
    CURVE_RURAL,
    CURVE_REALISED,
    CURVE_BLOCKED,
    CURVE_ORDERS,
    CURVE_INCOME,
    CURVE_DIVIDENDS,
    CURVE_DIVIDEND_TAX,
) = range(15)
CURVE_FIELDS = 15

# arms[n, ARM_FIELDS]: guarded price levels, fixed at the last decision
ARM_COL, ARM_LEVEL, ARM_DIRECTION, ARM_EXIT, ARM_RULE = range(5)  # direction −1: at or below, +1: above
ARM_FIELDS = 5

# proposals[n, PROPOSAL_FIELDS]: what the plan asks for, before the risk check
(
    PROPOSAL_COL,
    PROPOSAL_SIDE,
    PROPOSAL_KIND,
    PROPOSAL_PRICE,
    PROPOSAL_QUANTITY,
    PROPOSAL_RULE,
    PROPOSAL_RULES_LOW,
    PROPOSAL_RULES_HIGH,
    PROPOSAL_RELATIVE,
    PROPOSAL_WEIGHT_CAP,  # parts per billion of equity
    PROPOSAL_BLOCK,  # refusal code that the rules give this name, 0 = none
) = range(11)
PROPOSAL_FIELDS = 11

# config[CONFIG_FIELDS]
CONFIG_RAW = 0  # 1: tick and limit rules apply; 0: adjusted prices
CONFIG_HIGH_FIRST = 1
CONFIG_TOUCH = 2
CONFIG_PARTICIPATION = 3  # parts per billion of the bar's volume, 0 = unlimited
CONFIG_OPTIMISTIC = 4
CONFIG_FEE = 5  # six columns, one per instrument class
CONFIG_COST_STEP = 11  # rounding step of fees and taxes, in price units
CONFIG_COST_PER_DAY = 12  # 1: fees and taxes are rounded on the day's sums, 0: per order
CONFIG_SLIPPAGE_KIND = 13
CONFIG_SLIPPAGE_SIZE = 14
CONFIG_LATENCY_BARS = 15
CONFIG_LATENCY_POINT = 16
CONFIG_MAX_POSITIONS = 17
CONFIG_MAX_WEIGHT = 18  # parts per billion of equity
CONFIG_MAX_GROSS = 19
CONFIG_MAX_ORDER = 20  # money
CONFIG_MAX_DAY_LOSS = 21  # parts per billion of yesterday's closing equity; 0 = none
CONFIG_HAIRCUT = 22
CONFIG_ALLOW_MANAGED = 23
CONFIG_SCALE = 24
CONFIG_MAX_SECTOR = 25
CONFIG_COSTS_ON = 26
CONFIG_MIN_ORDER = 27  # money in one purchase
CONFIG_MIN_SHARE = 28  # parts per billion of the purchase that the limits of its name and of one order would allow
CONFIG_PAPER = 29  # 1: the venue takes no order before its session has opened
CONFIG_ALLOW_WARNED = 30
CONFIG_MAX_BUYS = 31  # purchases sent for one session, 0 = no limit
CONFIG_MAX_DISTANCE = 32  # of a purchase's price from the last close, parts per billion of it, 0 = no limit
CONFIG_MAX_STREAK = 33  # consecutive losing positions, 0 = no limit
CONFIG_STREAK_PAUSE = 34  # sessions without purchases after the one in which the limit is reached
CONFIG_FIELDS = 35
SLIPPAGE_NONE, SLIPPAGE_TICKS, SLIPPAGE_RATE, SLIPPAGE_ROOT = range(4)


class Market(NamedTuple):
    """What the exchange and the calendar say; never written by the step. All views of `engine.matching.table`."""

    open: Any  # [T, N] price units
    high: Any
    low: Any
    close: Any
    volume: Any  # [T, N] shares
    state: Any  # [T, N] uint8 bits
    base: Any  # [T, N] base price of the day, 0 = unknown
    session: Any  # [T] int32, running number of the bar's session inside the panel
    moment: Any  # [T] uint8 bits
    venue: Any  # [S + 1, 6 × VENUE_FIELDS] by session
    tick_bounds: Any  # [R, 8]
    tick_sizes: Any  # [R, 8]
    instruments: Any  # [N, INSTRUMENT_FIELDS]
    actions: Any  # [n, ACTION_FIELDS]
    config: Any  # [CONFIG_FIELDS]


class Book(NamedTuple):
    """What the account holds and has ordered; written only by the step. All views of `engine.matching.table`."""

    positions: Any  # [N, POSITION_FIELDS]
    orders: Any  # [capacity, ORDER_FIELDS]
    open: Any  # [capacity] indices of open orders, in order of acceptance
    fills: Any  # [capacity, FILL_FIELDS]
    account: Any  # [ACCOUNT_FIELDS]
    held: Any  # [N] columns of the names held, ascending; account[HELD] of them
    day: Any  # [12, 4] sums of the session by class × 2 + (0 buy, 1 sell): amount, fee, tax, rural tax
    arms: Any  # [capacity, ARM_FIELDS]
    exits: Any  # [N, exits] what is left to sell per exit rule: 0 not fired, > 0 rest, −1 done
    exit_rules: Any  # [exits, 2] rule index and fraction (parts per billion) behind each column of `exits`
    curve: Any  # [capacity, CURVE_FIELDS]
    marks: Any  # [T] equity after each bar
    refusals: Any  # [codes] how often each refusal was given
    proposals: Any  # [2 N + 1, PROPOSAL_FIELDS] what the plan asks for; the last row serves guards and delistings
