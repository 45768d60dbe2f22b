"""A checked rule in words: what it does, when it is evaluated, how much history it needs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from engine.rules.cadence import PriceLevel, price_level
from engine.rules.features import restart_bars
from engine.rules.findings import lookback_of_rule
from engine.rules.format import format_node, format_number, format_percent
from engine.rules.interval import bars_per_year
from engine.rules.lookback import is_recursive
from engine.rules.messages import Text
from engine.rules.tree import (
    Action,
    BlockBuys,
    Buy,
    Cadence,
    Call,
    Halt,
    Limit,
    LimitKind,
    OrderKind,
    RankBy,
    Require,
    Rule,
    RuleSet,
    Sell,
    Size,
    SizeMethod,
    Unit,
)
from engine.rules.walk import rule_expressions, walk


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """What `geoul rules check` prints of a rule.

    Attributes:
        lookback_bars: rows before its first known value, today's included.
        restart_bars: rows that a recursive function reaches back; 0 without one.
        level: the price level of an intraday exit.
        doing: the action in words.
        timing: when it is evaluated, in words.
    """

    rule: Rule
    lookback_bars: int
    restart_bars: int
    level: PriceLevel | None
    doing: Text
    timing: Text


def summarise(ruleset: RuleSet) -> tuple[RuleSummary, ...]:
    """One summary per rule, in the order of the file."""
    return tuple(_summary(rule, ruleset.interval) for rule in ruleset.rules)


def _summary(rule: Rule, interval: str) -> RuleSummary:
    level = price_level(rule) if rule.cadence is Cadence.INTRADAY else None
    return RuleSummary(
        rule, lookback_of_rule(rule), _restart(rule, interval), level, explain_action(rule.action), _timing(level)
    )


def _restart(rule: Rule, interval: str) -> int:
    calls = [part for node in rule_expressions(rule) for part in walk(node) if isinstance(part, Call)]
    rows = [restart_bars(call, bars_per_year(interval)) for call in calls if is_recursive(call)]
    return max(rows, default=0)


def _timing(level: PriceLevel | None) -> Text:
    if level is None:
        return Text("봉이 끝나면 평가하고 다음 봉에 주문", "judged on the finished bar, ordered for the next")
    ratio = ("-" if level.ratio < 0 else "") + format_percent(abs(level.ratio))
    if level.kind == "drawdown":
        return Text(
            f"봉 안에서 최고 종가 대비 {ratio}인 가격에 닿으면 바로 주문",
            f"ordered inside the bar when the price is {ratio} from the highest close",
        )
    return Text(
        f"봉 안에서 매입가 대비 {ratio}인 가격에 닿으면 바로 주문",
        f"ordered inside the bar when the price is {ratio} from the purchase price",
    )


def explain_action(action: Action) -> Text:
    """The action in words.

    >>> explain_action(Halt()).en
    'stop all buying until a person resumes'
    """
    match action:
        case Buy():
            return _explain_buy(action)
        case Require():
            return Text("조건이 참인 종목만 매수", "buy only names for which it is true")
        case RankBy():
            key = format_node(action.key)
            if action.ascending:
                return Text(f"`{key}`이(가) 작은 종목부터 매수", f"buy names with a small `{key}` first")
            return Text(f"`{key}`이(가) 큰 종목부터 매수", f"buy names with a large `{key}` first")
        case Sell():
            if action.fraction == 1:
                return Text("전량 매도", "sell everything")
            part = format_percent(action.fraction)
            return Text(f"보유 수량의 {part} 매도(한 번)", f"sell {part} of the shares, once")
        case Size():
            return _explain_size(action)
        case BlockBuys():
            return Text("매수 금지", "no purchases")
        case Halt():
            return Text("사람이 다시 열 때까지 매수 중단", "stop all buying until a person resumes")
        case Limit():
            return _explain_limit(action)


def _explain_buy(action: Buy) -> Text:
    size = Text("비중 규칙이 정한 만큼", "the size that the sizing rule gives")
    if action.ratio is not None:
        share = format_percent(action.ratio)
        size = Text(f"총자산의 {share}", f"{share} of equity")
    elif action.won is not None:
        won = f"{action.won:,}"
        size = Text(f"{won}원어치", f"{won} won worth")
    price = format_node(action.price) if action.price is not None else ""
    how = {
        OrderKind.MARKET: Text("시장가로", "at market"),
        OrderKind.LIMIT: Text(f"`{price}` 이하에", f"at `{price}` or below"),
        OrderKind.STOP: Text(f"가격이 `{price}`에 오르면", f"when the price rises to `{price}`"),
    }[action.kind]
    add = Text(", 보유 중이어도 추가", ", also when it is held") if action.add else Text("", "")
    return Text(f"{size.ko} {how.ko} 매수{add.ko}", f"buy {size.en} {how.en}{add.en}")


def _explain_size(action: Size) -> Text:
    ratio = format_percent(action.ratio)
    match action.method:
        case SizeMethod.FIXED:
            return Text(f"한 번에 총자산의 {ratio} 매수", f"each purchase is {ratio} of equity")
        case SizeMethod.VOLATILITY:
            return Text(
                f"총자산 × {ratio} ÷ {action.window_bars}봉 연율 변동성만큼 매수",
                f"each purchase is equity × {ratio} ÷ annual volatility over {action.window_bars} bars",
            )
        case SizeMethod.RISK:
            stop = format_percent(action.stop)
            return Text(
                f"{stop} 손절에서 총자산의 {ratio}을(를) 잃을 만큼 매수",
                f"each purchase loses {ratio} of equity at a stop of {stop}",
            )


def _explain_limit(action: Limit) -> Text:
    if action.count is not None:
        count = format_number(Fraction(action.count), Unit.COUNT)
        return Text(f"보유 종목 {count}개까지", f"at most {count} names")
    ratio = format_percent(action.ratio or Fraction(0))
    if action.kind is LimitKind.DAY_LOSS:
        return Text(
            f"하루 손실이 전일 총자산의 {ratio}이면 다음 거래일까지 매수 금지",
            f"no purchases until the next session once the day has lost {ratio} of equity",
        )
    if action.kind is LimitKind.SECTOR:
        return Text(f"한 업종은 총자산의 {ratio}까지", f"at most {ratio} of equity per sector")
    return Text(f"한 종목은 총자산의 {ratio}까지", f"at most {ratio} of equity per name")
