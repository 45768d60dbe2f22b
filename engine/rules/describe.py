"""A compiled rule as a Korean sentence: what it tests and what it does, with the very numbers of the program.

The sentence of a rule that a model wrote may say something else than its condition. So it is written anew from the
tree; `engine.research.prose_check` then finds every number of the program in it.
"""

from __future__ import annotations

from engine.rules.explain import explain_action
from engine.rules.format import format_node, format_number
from engine.rules.tree import (
    Arithmetic,
    BlockBuys,
    Call,
    Comparison,
    Halt,
    IndexField,
    Logic,
    Name,
    Negative,
    Node,
    Not,
    Number,
    Require,
    Rule,
    Unit,
)

_NAMES = {
    "always": "항상",
    "open": "시가",
    "high": "고가",
    "low": "저가",
    "close": "종가",
    "volume": "거래량",
    "value": "거래대금",
    "market_cap": "시가총액",
    "session_open": "주문일 시가",
    "weekday": "요일",
    "time": "시각",
    "pnl": "보유 수익률",
    "days_held": "보유 거래일 수",
    "drawdown_from_peak": "보유 뒤 고점 대비 등락률",
    "entry_price": "매입가",
    "weight": "보유 비중",
    "bars_since_exit": "청산 뒤 지난 봉 수",
    "equity": "총자산",
    "cash_ratio": "현금 비중",
    "positions": "보유 종목 수",
    "day_pnl": "당일 계좌 수익률",
    "month_pnl": "이달 계좌 수익률",
    "drawdown": "계좌 고점 대비 등락률",
    "consecutive_losses": "연속 손실 횟수",
}
_CALLS = {
    "mean": "{0}의 {1}봉 평균",
    "sum": "{0}의 {1}봉 합계",
    "std": "{0}의 {1}봉 표준편차",
    "min": "{0}의 {1}봉 최솟값",
    "max": "{0}의 {1}봉 최댓값",
    "median": "{0}의 {1}봉 중앙값",
    "highest": "{0}의 {1}봉 최고",
    "lowest": "{0}의 {1}봉 최저",
    "ema": "{0}의 {1}봉 지수이동평균",
    "zscore": "{0}의 {1}봉 표준점수",
    "ts_rank": "{0}의 {1}봉 안 순위",
    "returns": "{0}봉 수익률",
    "volatility": "{0}봉 연율 변동성",
    "lag": "{1}봉 전의 {0}",
    "delta": "{0}의 {1}봉 변화",
    "volume_ratio": "거래량의 직전 {0}봉 평균 대비 배율",
    "rank": "{0}의 전 종목 순위",
    "breadth": "{0}인 종목의 비율",
}
_CROSSES = {"crosses_above": "상향 돌파한 때", "crosses_below": "하향 돌파한 때"}
_RELATIONS = {">=": "이상", "<=": "이하", ">": "초과", "<": "미만"}
_ENDS_IN_A_CONSONANT = frozenset("013678LMNRlmnr")  # as they are read in Korean: 영, 일, 삼, 육, 칠, 팔, 엘 …
_WEEKDAYS = {"mon": "월요일", "tue": "화요일", "wed": "수요일", "thu": "목요일", "fri": "금요일", "sat": "토요일"}


def describe_rule(rule: Rule) -> str:
    """One Korean sentence.

    >>> from engine.rules.prompt import load_rules
    >>> head = "## 투자 원칙 및 규칙\\n### Entry Criteria: a\\n**규칙**: x\\n**우선순위**: 5/10\\n"
    >>> rules = load_rules(head + "**조건**: `volume_ratio(20) >= 1.5`\\n**행동**: `require`\\n")
    >>> describe_rule(rules.rules[0])
    '거래량의 직전 20봉 평균 대비 배율이 1.5 이상인 종목만 매수한다'
    """
    always = isinstance(rule.condition, Name) and rule.condition.name == "always"
    told = describe(rule.condition)
    match rule.action:
        case Require():
            return f"{told}인 종목만 매수한다"
        case BlockBuys():
            return "매수하지 않는다" if always else f"{told}이면 매수하지 않는다"
        case Halt():
            return f"{told}이면 사람이 다시 열 때까지 매수를 멈춘다"
        case _:
            doing = explain_action(rule.action).ko
            return f"{doing}한다" if always else f"{told}이면 {doing}한다"


def describe(node: Node) -> str:
    """An expression in Korean; what has no words of its own stands as it is written in the rule."""
    match node:
        case Number():
            return _number(node)
        case Name():
            return _NAMES.get(node.name, f"`{node.name}`")
        case IndexField():
            return f"{node.index} 지수의 {_NAMES[node.field]}"
        case Call():
            return _call(node)
        case Negative():
            return f"-{_inner(node.operand)}"
        case Arithmetic():
            sign = {"*": "×", "/": "÷"}.get(node.operator, node.operator)
            return f"{_inner(node.left)} {sign} {_inner(node.right)}"
        case Comparison():
            return _comparison(node)
        case Not():
            return f"{with_particle(f'({describe(node.operand)})', '이', '가')} 아닌 때"
        case Logic():
            joined = "이고 " if node.operator == "and" else "이거나 "
            return joined.join(
                f"({describe(part)})" if isinstance(part, Logic) else describe(part) for part in node.operands
            )
        case _:
            return f"`{format_node(node)}`"


def _inner(node: Node) -> str:
    return f"({describe(node)})" if isinstance(node, Arithmetic | Negative) else describe(node)


def _number(node: Number) -> str:
    text = format_number(node.value, node.unit)
    if node.unit is Unit.WEEKDAY:
        return _WEEKDAYS[text]
    if node.unit is Unit.WON and not text.endswith("원"):
        return f"{text}원"
    return text.replace(" days", "일")


def _call(node: Call) -> str:
    if node.function in _CROSSES:
        moving, level = map(describe, node.arguments)
        return f"{with_particle(moving, '이', '가')} {with_particle(level, '을', '를')} {_CROSSES[node.function]}"
    form = _CALLS.get(node.function)
    if form is None or form.count("{") != len(node.arguments):
        return f"`{format_node(node)}`"
    return form.format(*(describe(argument) for argument in node.arguments))


def _comparison(node: Comparison) -> str:
    left, right = with_particle(describe(node.left), "이", "가"), describe(node.right)
    if node.operator == "==":
        return f"{left} {right}"
    if node.operator == "!=":
        return f"{left} {with_particle(right, '이', '가')} 아닌 때"
    return f"{left} {right} {_RELATIONS[node.operator]}"


def with_particle(text: str, after_consonant: str, after_vowel: str) -> str:
    """A text with the particle that its last sound asks for.

    >>> with_particle("거래량", "이", "가"), with_particle("종가", "이", "가"), with_particle("1.1", "을", "를")
    ('거래량이', '종가가', '1.1을')
    """
    last = text.rstrip("`)\"' ")[-1:]
    # A syllable block numbers its final consonants from 0, which is none.
    closed = (ord(last) - ord("가")) % 28 > 0 if "가" <= last <= "힣" else last in _ENDS_IN_A_CONSONANT
    return text + (after_consonant if closed else after_vowel)
