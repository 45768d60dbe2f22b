"""The typed tree of a rule: what the parser produces, the checker annotates and the compilers read.

Every node is frozen; `unit` and `scope` are filled by `engine.rules.check` (the parser leaves them at `Unit.UNKNOWN`
and `Scope.MARKET`). `parse(format(tree)) == tree`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from fractions import Fraction


class Unit(Enum):
    """What a number means; arithmetic and comparisons must agree in it."""

    WON = "won"
    SHARES = "shares"
    RATIO = "ratio"
    DAYS = "days"
    COUNT = "count"
    BOOL = "bool"
    POINTS = "index points"
    TIME = "time of day"
    WEEKDAY = "weekday"
    UNKNOWN = "unknown"


class Scope(IntEnum):
    """What a node needs to be evaluated; a node has the highest scope of its parts."""

    CONSTANT = 0
    SESSION = 1  # the same for all instruments of a bar: index, weekday, time, breadth
    MARKET = 2  # one value per instrument and bar: a feature
    PORTFOLIO = 3  # equity, cash_ratio, drawdown, …
    POSITION = 4  # pnl, days_held, entry_price, weight, …
    EXECUTION = 5  # session_open: known only on the bar in which the order trades


@dataclass(frozen=True, slots=True)
class Span:
    """Where a node stands in the source: 1-based line and column, end exclusive."""

    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Base of all expression nodes."""

    unit: Unit = Unit.UNKNOWN
    scope: Scope = Scope.MARKET
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A literal, exact: `7%` is Fraction(7, 100) with unit RATIO; `1.5` has unit COUNT (a plain number)."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A bar, calendar, position or portfolio field: `close`, `weekday`, `pnl`, `equity`, `session_open`."""

    name: str


@dataclass(frozen=True, slots=True)
class IndexField(Node):
    """`index("KOSPI").close`."""

    index: str
    field: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function of `engine.rules.functions` with its arguments in order."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negative(Node):
    operand: Node


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """`operator` is one of + - * /."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """`operator` is one of < <= > >= == !=."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """`operator` is "and" or "or"; two or more operands; Kleene logic."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    operand: Node


class Category(Enum):
    """What a rule may do, whoever wrote it."""

    ENTRY = "entry_criteria"
    EXIT = "exit_criteria"
    SIZING = "position_sizing"
    RISK = "risk_management"


class Cadence(Enum):
    """When a rule is evaluated: on the finished bar, or at a price level inside the bar."""

    CLOSE = "종가"
    INTRADAY = "장중"


class OrderKind(Enum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Buy:
    """`buy SIZE [at market | at limit EXPR | at stop EXPR] [add]`.

    `ratio` of equity, or `won` as a fixed amount, or neither: then the first `size` rule decides.
    `price` may be linear in `session_open` with coefficient one: `session_open + 0.5 * (high - low)`.
    """

    ratio: Fraction | None = None
    won: int | None = None
    kind: OrderKind = OrderKind.MARKET
    price: Node | None = None
    add: bool = False


@dataclass(frozen=True, slots=True)
class Require:
    """`require`: a purchase needs this condition."""


@dataclass(frozen=True, slots=True)
class RankBy:
    """`rank by EXPR [ascending]`: order of purchase, highest first unless `ascending`."""

    key: Node
    ascending: bool = False


@dataclass(frozen=True, slots=True)
class Sell:
    """`sell all` (fraction 1) or `sell 50%`."""

    fraction: Fraction


class SizeMethod(Enum):
    FIXED = "fixed weight"  # size 10% of equity
    VOLATILITY = "volatility target"  # size volatility target 1% over 20  -> equity * target / volatility(window)
    RISK = "risk per trade"  # size risk 1% at stop 7%  -> equity * risk / stop distance


@dataclass(frozen=True, slots=True)
class Size:
    method: SizeMethod
    ratio: Fraction
    window_bars: int = 0
    stop: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class BlockBuys:
    """`block buys`: of the ticker where the condition has MARKET scope, of all otherwise."""


@dataclass(frozen=True, slots=True)
class Halt:
    """`halt`: cancel buys and block until a person resumes."""


class LimitKind(Enum):
    POSITION = "position"  # share of equity per name
    POSITIONS = "positions"  # number of names held
    SECTOR = "sector"  # share of equity per sector
    DAY_LOSS = "day loss"  # share of yesterday's closing equity


@dataclass(frozen=True, slots=True)
class Limit:
    kind: LimitKind
    ratio: Fraction | None = None
    count: int | None = None


Action = Buy | Require | RankBy | Sell | Size | BlockBuys | Halt | Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One checked rule of the prompt, in the order of the file."""

    id: str
    category: Category
    text: str
    condition: Node
    action: Action
    priority: int
    cadence: Cadence
    cadence_given: bool = False
    rationale: str = ""
    added: str = ""
    condition_source: str = ""
    action_source: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """All rules of one prompt: what the compilers take."""

    interval: str  # "1d", "5m", … (the prompt's 주기)
    rules: tuple[Rule, ...]
