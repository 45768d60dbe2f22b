"""The catalogue of the rule language: every field and function with its unit, its look-back and its meaning.

The checker, the look-back, `geoul rules functions` and the documents all read this one table, so a function
that is not described here cannot be written in a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from engine.rules.messages import Text
from engine.rules.tree import Scope, Unit

MAX_WINDOW = 2500  # about ten years of sessions; a longer window says nothing about today
BARS_SINCE_WINDOW = 252  # how far `bars_since(condition)` looks when no length is given
RESTART_FACTOR = 10  # a recursion of length n restarts every 10 n bars (see `restart_bars`)

INDICES = ("KOSPI", "KOSDAQ", "KOSPI200", "KOSDAQ150", "KRX300")
INDEX_FIELDS = ("open", "high", "low", "close")


class Kind(Enum):
    """What an argument may be."""

    SERIES = "series"  # a number per bar, of MARKET or SESSION scope
    CONDITION = "condition"  # true or false per bar, of MARKET or SESSION scope
    WINDOW = "window"  # a whole number of bars, written as such
    NAMES = "names"  # a whole number of instruments, written as such


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a function. `optional` ones may be left out, from the last."""

    name: str
    kind: Kind
    minimum: int = 1
    optional: bool = False


class UnitOf(Enum):
    """Result units that follow from the arguments."""

    FIRST = "the unit of x"
    QUOTIENT = "the unit of x / y"


class Across(Enum):
    """Whether a function looks along time or across the instruments of one bar."""

    TIME = "time"
    UNIVERSE = "universe"  # result differs by instrument
    SESSION = "session"  # result is the same for all instruments


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function.

    `rows(inner, windows)` gives the rows needed before the first known value (today's row included), where
    `inner` is the greatest number of rows that any series argument needs and `windows` are the window arguments.
    `reads` names the bar fields that the function uses besides its arguments.
    """

    name: str
    parameters: tuple[Parameter, ...]
    unit: Unit | UnitOf
    rows: Callable[[int, Sequence[int]], int]
    meaning: Text
    example: str
    across: Across = Across.TIME
    reads: tuple[str, ...] = ()
    recursive: bool = False

    @property
    def signature(self) -> str:
        """`bars_since(condition[, n])`."""
        text = ""
        for index, parameter in enumerate(self.parameters):
            comma = ", " if index else ""
            text += f"[{comma}{parameter.name}]" if parameter.optional else f"{comma}{parameter.name}"
        return f"{self.name}({text})"

    @property
    def least_arguments(self) -> int:
        return sum(not parameter.optional for parameter in self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A name that stands for a value: of the bar, the calendar, the position or the portfolio."""

    name: str
    unit: Unit
    scope: Scope
    meaning: Text
    example: str


def _rolling(inner: int, windows: Sequence[int]) -> int:
    return inner + windows[0] - 1


def _one_more(inner: int, windows: Sequence[int]) -> int:
    return inner + windows[0]


def _one_back(inner: int, _: Sequence[int]) -> int:
    return inner + 1


def _same_row(inner: int, _: Sequence[int]) -> int:
    return inner


def _macd_rows(inner: int, windows: Sequence[int]) -> int:
    signal = windows[2] - 1 if len(windows) > 2 else 0
    return inner + max(windows[0], windows[1]) - 1 + signal


_X = Parameter("x", Kind.SERIES)
_Y = Parameter("y", Kind.SERIES)
_A = Parameter("a", Kind.SERIES)
_B = Parameter("b", Kind.SERIES)
_N = Parameter("n", Kind.WINDOW)
_N2 = Parameter("n", Kind.WINDOW, minimum=2)
_CONDITION = Parameter("condition", Kind.CONDITION)

_FUNCTIONS = (
    Function(
        name="mean",
        parameters=(_X, _N),
        unit=UnitOf.FIRST,
        rows=_rolling,
        meaning=Text("오늘을 포함한 최근 n봉의 평균", "mean of the last n bars, today included"),
        example="close > mean(close, 20)",
    ),
    Function(
        name="sum",
        parameters=(_X, _N),
        unit=UnitOf.FIRST,
        rows=_rolling,
        meaning=Text("오늘을 포함한 최근 n봉의 합", "sum of the last n bars, today included"),
        example="sum(value, 5) >= 500억",
    ),
    Function(
        name="std",
        parameters=(_X, _N2),
        unit=UnitOf.FIRST,
        rows=_rolling,
        meaning=Text(
            "최근 n봉의 표본 표준편차(n-1로 나눔)",
            "sample standard deviation of the last n bars (divides by n-1)",
        ),
        example="close < mean(close, 20) - 2 * std(close, 20)",
    ),
    Function(
        name="min",
        parameters=(_X, _N),
        unit=UnitOf.FIRST,
        rows=_rolling,
        meaning=Text("오늘을 포함한 최근 n봉의 최솟값", "smallest value of the last n bars, today included"),
        example="close <= min(close, 20)",
    ),
    Function(
        name="max",
        parameters=(_X, _N),
        unit=UnitOf.FIRST,
        rows=_rolling,
        meaning=Text("오늘을 포함한 최근 n봉의 최댓값", "largest value of the last n bars, today included"),
        example="volume >= max(volume, 20)",
    ),
    Function(
        name="median",
        parameters=(_X, _N),
        unit=UnitOf.FIRST,
        rows=_rolling,
        meaning=Text("오늘을 포함한 최근 n봉의 중앙값", "median of the last n bars, today included"),
        example="value > 2 * median(value, 60)",
    ),
    Function(
        name="highest",
        parameters=(_X, _N),
        unit=UnitOf.FIRST,
        rows=_rolling,
        meaning=Text(
            "max와 같음: 최근 n봉의 최고, 오늘 포함",
            "same as max: highest of the last n bars, today included",
        ),
        example="close > lag(highest(high, 20), 1)",
    ),
    Function(
        name="lowest",
        parameters=(_X, _N),
        unit=UnitOf.FIRST,
        rows=_rolling,
        meaning=Text(
            "min과 같음: 최근 n봉의 최저, 오늘 포함", "same as min: lowest of the last n bars, today included"
        ),
        example="close < lag(lowest(low, 10), 1)",
    ),
    Function(
        name="ema",
        parameters=(_X, _N),
        unit=UnitOf.FIRST,
        rows=_rolling,
        recursive=True,
        meaning=Text("지수이동평균, 오늘의 비중 2/(n+1)", "exponential mean; today weighs 2/(n+1)"),
        example="close > ema(close, 20)",
    ),
    Function(
        name="zscore",
        parameters=(_X, _N2),
        unit=Unit.COUNT,
        rows=_rolling,
        meaning=Text(
            "평균에서 표준편차 몇 배 떨어졌는가: (x - 평균) / 표준편차",
            "distance from the mean in standard deviations: (x - mean) / std",
        ),
        example="zscore(close, 20) <= -2",
    ),
    Function(
        name="ts_rank",
        parameters=(_X, _N2),
        unit=Unit.RATIO,
        rows=_rolling,
        meaning=Text(
            "최근 n봉 가운데 오늘 값의 순위, 0 초과 1 이하(같은 값은 절반씩)",
            "rank of today's value among the last n bars, above 0 to 1 (ties count half)",
        ),
        example="ts_rank(volume, 60) >= 90%",
    ),
    Function(
        name="rsi",
        parameters=(_N,),
        unit=Unit.COUNT,
        rows=_one_more,
        reads=("close",),
        meaning=Text(
            "단순 RSI(커틀러): n번 변화의 단순평균, 0~100",
            "simple RSI (Cutler): simple means of n changes, 0 to 100",
        ),
        example="rsi(14) < 30",
    ),
    Function(
        name="rsi_wilder",
        parameters=(_N,),
        unit=Unit.COUNT,
        rows=_one_more,
        recursive=True,
        reads=("close",),
        meaning=Text("와일더 RSI: 지수평균으로 매끄럽게 한 RSI, 0~100", "Wilder's RSI: smoothed recursively, 0 to 100"),
        example="crosses_above(rsi_wilder(14), 30)",
    ),
    Function(
        name="atr",
        parameters=(_N,),
        unit=Unit.WON,
        rows=_one_more,
        recursive=True,
        reads=("high", "low", "close"),
        meaning=Text("와일더 평균 실제 변동폭(원)", "Wilder's average true range, in won"),
        example="high - low > 2 * atr(14)",
    ),
    Function(
        name="macd",
        parameters=(
            Parameter("fast", Kind.WINDOW),
            Parameter("slow", Kind.WINDOW, minimum=2),
            Parameter("signal", Kind.WINDOW, optional=True),
        ),
        unit=Unit.WON,
        rows=_macd_rows,
        recursive=True,
        reads=("close",),
        meaning=Text(
            "종가의 빠른 지수평균 - 느린 지수평균(원). signal을 주면 신호선까지 뺀 값",
            "fast minus slow exponential mean of the close, in won; with signal, minus its own mean",
        ),
        example="macd(12, 26, 9) > 0원",
    ),
    Function(
        name="returns",
        parameters=(_N,),
        unit=Unit.RATIO,
        rows=_one_more,
        reads=("close",),
        meaning=Text("n봉 전 종가 대비 수익률", "return of the close over n bars"),
        example="returns(20) > 5%",
    ),
    Function(
        name="volatility",
        parameters=(_N2,),
        unit=Unit.RATIO,
        rows=_one_more,
        reads=("close",),
        meaning=Text("n봉 수익률의 연율 표준편차", "annualised standard deviation of n one-bar returns"),
        example="volatility(20) < 40%",
    ),
    Function(
        name="corr",
        parameters=(_X, _Y, _N2),
        unit=Unit.RATIO,
        rows=_rolling,
        meaning=Text("최근 n봉에서 두 값의 상관계수, -1~1", "correlation of two series over n bars, -1 to 1"),
        example='corr(close, index("KOSPI").close, 60) < 0.3',
    ),
    Function(
        name="beta",
        parameters=(_X, _Y, _N2),
        unit=UnitOf.QUOTIENT,
        rows=_rolling,
        meaning=Text(
            "y가 1 움직일 때 x의 움직임: 공분산 / y의 분산",
            "movement of x per movement of y: covariance / variance of y",
        ),
        example='beta(returns(1), delta(index("KOSPI").close, 1) / lag(index("KOSPI").close, 1), 60) < 1',
    ),
    Function(
        name="lag",
        parameters=(_X, _N),
        unit=UnitOf.FIRST,
        rows=_one_more,
        meaning=Text("n봉 전의 값", "value n bars ago"),
        example="open > lag(high, 1)",
    ),
    Function(
        name="delta",
        parameters=(_X, _N),
        unit=UnitOf.FIRST,
        rows=_one_more,
        meaning=Text("n봉 전과의 차이", "difference from n bars ago"),
        example="delta(mean(close, 60), 5) > 0원",
    ),
    Function(
        name="volume_ratio",
        parameters=(_N,),
        unit=Unit.RATIO,
        rows=_one_more,
        reads=("volume",),
        meaning=Text(
            "오늘 거래량 / 오늘을 뺀 직전 n봉의 평균 거래량",
            "today's volume / mean volume of the n bars before today",
        ),
        example="volume_ratio(20) >= 1.5",
    ),
    Function(
        name="count_if",
        parameters=(_CONDITION, _N),
        unit=Unit.COUNT,
        rows=_rolling,
        meaning=Text(
            "최근 n봉 가운데 조건이 참인 봉의 수", "number of the last n bars on which the condition was true"
        ),
        example="count_if(close > open, 5) >= 4",
    ),
    Function(
        name="bars_since",
        parameters=(_CONDITION, Parameter("n", Kind.WINDOW, optional=True)),
        unit=Unit.COUNT,
        rows=lambda inner, windows: inner + (windows[0] if windows else BARS_SINCE_WINDOW) - 1,
        meaning=Text(
            "조건이 마지막으로 참인 뒤 지난 봉 수(0 = 오늘). 최근 n봉(기본 252)에 없으면 알 수 없음",
            "bars since the condition was last true (0 = today); unknown if not within n bars (252)",
        ),
        example="bars_since(volume_ratio(20) >= 3, 20) <= 5",
    ),
    Function(
        name="crosses_above",
        parameters=(_A, _B),
        unit=Unit.BOOL,
        rows=_one_back,
        meaning=Text(
            "a가 b를 상향 돌파: 오늘 a > b, 어제 a <= b",
            "a crosses above b: a > b today and a <= b on the bar before",
        ),
        example="crosses_above(close, mean(close, 20))",
    ),
    Function(
        name="crosses_below",
        parameters=(_A, _B),
        unit=Unit.BOOL,
        rows=_one_back,
        meaning=Text(
            "a가 b를 하향 돌파: 오늘 a < b, 어제 a >= b",
            "a crosses below b: a < b today and a >= b on the bar before",
        ),
        example="crosses_below(close, mean(close, 20))",
    ),
    Function(
        name="rank",
        parameters=(_X,),
        unit=Unit.RATIO,
        rows=_same_row,
        across=Across.UNIVERSE,
        meaning=Text(
            "같은 봉의 전체 종목 가운데 순위, 0 초과 1 이하(1 = 가장 큼)",
            "rank among all instruments of the same bar, above 0 to 1 (1 = largest)",
        ),
        example="rank(returns(60)) >= 90%",
    ),
    Function(
        name="top",
        parameters=(_X, Parameter("n", Kind.NAMES)),
        unit=Unit.BOOL,
        rows=_same_row,
        across=Across.UNIVERSE,
        meaning=Text("같은 봉에서 값이 큰 n종목에 드는가", "whether it is among the n largest of the same bar"),
        example="top(mean(value, 20), 100)",
    ),
    Function(
        name="breadth",
        parameters=(_CONDITION,),
        unit=Unit.RATIO,
        rows=_same_row,
        across=Across.SESSION,
        meaning=Text(
            "같은 봉에서 조건이 참인 종목의 비율",
            "share of the instruments of the same bar for which the condition is true",
        ),
        example="breadth(close > mean(close, 20)) >= 60%",
    ),
)

_FIELDS = (
    Field(
        name="open",
        unit=Unit.WON,
        scope=Scope.MARKET,
        meaning=Text("시가", "opening price"),
        example="close > open",
    ),
    Field(
        name="high",
        unit=Unit.WON,
        scope=Scope.MARKET,
        meaning=Text("고가", "highest price"),
        example="high - low > 0.05 * close",
    ),
    Field(
        name="low",
        unit=Unit.WON,
        scope=Scope.MARKET,
        meaning=Text("저가", "lowest price"),
        example="low > lag(high, 1)",
    ),
    Field(
        name="close",
        unit=Unit.WON,
        scope=Scope.MARKET,
        meaning=Text("종가", "closing price"),
        example="close >= 1000",
    ),
    Field(
        name="volume",
        unit=Unit.SHARES,
        scope=Scope.MARKET,
        meaning=Text("거래량(주)", "traded shares"),
        example="volume >= 100_000주",
    ),
    Field(
        name="value",
        unit=Unit.WON,
        scope=Scope.MARKET,
        meaning=Text("거래대금(원)", "traded amount, in won"),
        example="mean(value, 20) >= 10억",
    ),
    Field(
        name="market_cap",
        unit=Unit.WON,
        scope=Scope.MARKET,
        meaning=Text("시가총액 = 종가 × 상장주식수(원)", "closing price × listed shares, in won"),
        example="market_cap >= 3000억",
    ),
    Field(
        name="weekday",
        unit=Unit.WEEKDAY,
        scope=Scope.SESSION,
        meaning=Text("봉의 요일, mon부터 sat까지", "weekday of the bar, mon to sat"),
        example="weekday != mon",
    ),
    Field(
        name="time",
        unit=Unit.TIME,
        scope=Scope.SESSION,
        meaning=Text("봉이 끝난 시각", "time at which the bar closed"),
        example="time >= 14:50",
    ),
    Field(
        name="session_open",
        unit=Unit.WON,
        scope=Scope.EXECUTION,
        meaning=Text(
            "주문이 나가는 봉의 시가, 주문 가격에만",
            "opening price of the execution bar, only in an order price",
        ),
        example="buy 20% of equity at stop session_open + 0.5 * (high - low)",
    ),
    Field(
        name="pnl",
        unit=Unit.RATIO,
        scope=Scope.POSITION,
        meaning=Text(
            "평가손익률 (평가액 - 매입액) / 매입액, 수수료 제외",
            "profit of the position, (value - cost) / cost, without fees",
        ),
        example="pnl <= -7%",
    ),
    Field(
        name="days_held",
        unit=Unit.DAYS,
        scope=Scope.POSITION,
        meaning=Text("보유한 거래일 수, 체결된 날이 0", "sessions held, 0 on the day of the fill"),
        example="days_held >= 10",
    ),
    Field(
        name="drawdown_from_peak",
        unit=Unit.RATIO,
        scope=Scope.POSITION,
        meaning=Text(
            "매수 뒤 최고 종가에서 떨어진 비율, 0 이하",
            "fall from the highest close since the purchase, 0 or below",
        ),
        example="drawdown_from_peak <= -8%",
    ),
    Field(
        name="entry_price",
        unit=Unit.WON,
        scope=Scope.POSITION,
        meaning=Text("평균 매입 가격", "average purchase price"),
        example="close <= entry_price * 0.93",
    ),
    Field(
        name="weight",
        unit=Unit.RATIO,
        scope=Scope.POSITION,
        meaning=Text("총자산에서 이 종목이 차지하는 비율", "share of the position in equity"),
        example="weight > 20%",
    ),
    Field(
        name="bars_since_exit",
        unit=Unit.COUNT,
        scope=Scope.POSITION,
        meaning=Text(
            "이 종목을 다 판 뒤 지난 봉 수. 판 적이 없으면 한없이 큰 수",
            "bars since the ticker was sold out; infinitely many if it never was",
        ),
        example="bars_since_exit >= 5",
    ),
    Field(
        name="equity",
        unit=Unit.WON,
        scope=Scope.PORTFOLIO,
        meaning=Text("총자산(원)", "equity, in won"),
        example="equity >= 1000만",
    ),
    Field(
        name="cash_ratio",
        unit=Unit.RATIO,
        scope=Scope.PORTFOLIO,
        meaning=Text("총자산에서 현금의 비율", "share of cash in equity"),
        example="cash_ratio >= 20%",
    ),
    Field(
        name="positions",
        unit=Unit.COUNT,
        scope=Scope.PORTFOLIO,
        meaning=Text("보유 종목 수", "number of names held"),
        example="positions < 10",
    ),
    Field(
        name="day_pnl",
        unit=Unit.RATIO,
        scope=Scope.PORTFOLIO,
        meaning=Text("전일 총자산 대비 오늘의 손익률", "today's profit against yesterday's closing equity"),
        example="day_pnl <= -2%",
    ),
    Field(
        name="month_pnl",
        unit=Unit.RATIO,
        scope=Scope.PORTFOLIO,
        meaning=Text(
            "전월 말 총자산 대비 이번 달 손익률",
            "this month's profit against equity at the end of last month",
        ),
        example="month_pnl <= -5%",
    ),
    Field(
        name="drawdown",
        unit=Unit.RATIO,
        scope=Scope.PORTFOLIO,
        meaning=Text("총자산의 최고점에서 떨어진 비율, 0 이하", "fall of equity from its highest point, 0 or below"),
        example="drawdown <= -15%",
    ),
    Field(
        name="consecutive_losses",
        unit=Unit.COUNT,
        scope=Scope.PORTFOLIO,
        meaning=Text("연달아 손실로 끝난 매도의 수", "number of losing sells in a row"),
        example="consecutive_losses >= 5",
    ),
    Field(
        name="always",
        unit=Unit.BOOL,
        scope=Scope.CONSTANT,
        meaning=Text("언제나 참", "always true"),
        example="always",
    ),
)

FUNCTIONS = MappingProxyType({function.name: function for function in _FUNCTIONS})
FIELDS = MappingProxyType({field.name: field for field in _FIELDS})

# Words that Korean users and models write; only for suggestions, the language itself has one spelling.
SPELLINGS = MappingProxyType(
    {
        "시가": "open",
        "고가": "high",
        "저가": "low",
        "종가": "close",
        "현재가": "close",
        "거래량": "volume",
        "거래대금": "value",
        "시가총액": "market_cap",
        "수익률": "pnl",
        "손익률": "pnl",
        "보유일": "days_held",
        "보유일수": "days_held",
        "매입가": "entry_price",
        "비중": "weight",
        "평균": "mean",
        "이동평균": "mean",
        "항상": "always",
        "true": "always",
        "True": "always",
        "price": "close",
        "sma": "mean",
        "ma": "mean",
        "average": "mean",
        "avg": "mean",
        "stdev": "std",
        "stddev": "std",
        "shift": "lag",
        "ref": "lag",
        "prev": "lag",
        "diff": "delta",
        "change": "returns",
        "pct_change": "returns",
        "correlation": "corr",
        "profit": "pnl",
        "return": "returns",
        "cross_above": "crosses_above",
        "crossover": "crosses_above",
        "cross_below": "crosses_below",
        "crossunder": "crosses_below",
        "count": "count_if",
        "barssince": "bars_since",
        "percentile": "ts_rank",
        "cash": "cash_ratio",
        "holding_days": "days_held",
        "marketcap": "market_cap",
    }
)
