"""Text to tree: expressions and actions of the rule language.

The grammar is `grammar.lark` (LALR). What comes out has no units yet; `engine.rules.annotate` fills them in.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, NoReturn

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError
from lark.tree import Meta

from engine.rules.format import format_node
from engine.rules.messages import Text
from engine.rules.parse_hints import character_problem, token_problem
from engine.rules.problem import RuleProblem
from engine.rules.tree import (
    Action,
    Arithmetic,
    BlockBuys,
    Buy,
    Call,
    Comparison,
    Halt,
    IndexField,
    Limit,
    LimitKind,
    Logic,
    Name,
    Negative,
    Node,
    Not,
    Number,
    OrderKind,
    RankBy,
    Require,
    Sell,
    Size,
    SizeMethod,
    Span,
    Unit,
)
from engine.rules.walk import action_expressions, children

MAX_LENGTH = 2000
MAX_DEPTH = 60  # deeper trees would meet Python's recursion limit in the compilers
MAX_NUMBER = 10**18

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat")
# The rules of the grammar that read one number inside an expression.
_LITERALS = frozenset({"plain", "percent", "won", "shares", "days", "clock", "weekday"})
_KOREAN_WEEKDAYS = "월화수목금토"
WON_WORDS = {
    "천": 10**3,
    "만": 10**4,
    "십만": 10**5,
    "백만": 10**6,
    "천만": 10**7,
    "억": 10**8,
    "조": 10**12,
}


def parse_expression(text: str, line: int = 1, column: int = 1) -> Node:
    """The tree of a condition or a number.

    Args:
        text: the expression, one line.
        line: line of the file in which `text` stands, 1-based.
        column: column of its first character, 1-based.

    Raises:
        RuleProblem: it cannot be read; the span points into the file.

    >>> parse_expression("close > 7%").operator
    '>'
    """
    node: Node = _parse(text, "expression", line, column)
    _check_depth(node, line, column)
    return node


def parse_action(text: str, line: int = 1, column: int = 1) -> Action:
    """The action of a rule; arguments as for `parse_expression`.

    >>> parse_action("sell 50%")
    Sell(fraction=Fraction(1, 2))
    """
    action: Action = _parse(text, "action", line, column)
    for node in action_expressions(action):
        _check_depth(node, line, column)
    return action


def action_numbers(text: str) -> tuple[tuple[int, int], ...]:
    """Where the numbers of an action stand that are no part of an expression: start and end, from the left.

    >>> [text[start:end] for text in ("size risk 1% at stop 7%",) for start, end in action_numbers(text)]
    ['1%', '7%']
    """
    tree: Any = _parser().parse(text, start="action")
    return tuple(
        (token.start_pos or 0, token.end_pos or 0)
        for part in tree.iter_subtrees_topdown()
        if part.data not in _LITERALS
        for token in part.children
        if isinstance(token, Token) and token.type in ("PERCENT", "NUMBER", "WON")
    )


@functools.cache
def _parser() -> Lark:
    return Lark.open(
        "grammar.lark",
        rel_to=__file__,
        parser="lalr",
        start=["expression", "action"],
        propagate_positions=True,
        maybe_placeholders=True,
    )


def _parse(text: str, start: str, line: int, column: int) -> Any:
    place = Span(line, column, line, column + len(text))
    if not text.strip():
        raise RuleProblem("empty", place)
    if len(text) > MAX_LENGTH:
        raise RuleProblem("too_long", place, length=len(text), limit=MAX_LENGTH)
    try:
        tree = _parser().parse(text, start=start)
    except UnexpectedCharacters as error:
        raise character_problem(text, error.pos_in_stream or 0, line, column, start=start) from None
    except UnexpectedToken as error:
        expected = error.accepts or error.expected
        raise token_problem(text, error.token, frozenset(expected), line, column, start=start) from None
    try:
        return _Builder(line, column).transform(tree)
    except VisitError as error:
        if isinstance(error.orig_exc, RuleProblem):
            raise error.orig_exc from None
        raise
    except RecursionError:
        raise RuleProblem("too_deep", place, limit=MAX_DEPTH) from None


def _check_depth(node: Node, line: int, column: int) -> None:
    stack = [(node, 1)]
    while stack:
        current, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise RuleProblem("too_deep", Span(line, column, line, column), limit=MAX_DEPTH)
        stack.extend((child, depth + 1) for child in children(current))


def _digits(text: str) -> Fraction:
    return Fraction(text.replace("_", ""))


@v_args(meta=True)
class _Builder(Transformer[Token, Any]):
    """Lark's parse tree to our tree; spans move to the place of the text in its file."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__()
        self.line, self.column = line, column

    def _span(self, meta: Meta) -> Span:
        # An expression is one line, so only columns move.
        return Span(self.line, self.column + meta.column - 1, self.line, self.column + meta.end_column - 1)

    def _number(self, meta: Meta, value: Fraction, unit: Unit, text: str) -> Number:
        if value >= MAX_NUMBER:
            raise RuleProblem("huge_number", self._span(meta), found=text)
        return Number(value, unit=unit, span=self._span(meta))

    def expression(self, meta: Meta, parts: Sequence[Node]) -> Node:
        return parts[0]

    def plain(self, meta: Meta, parts: Sequence[Token]) -> Node:
        return self._number(meta, _digits(parts[0]), Unit.COUNT, parts[0])

    def percent(self, meta: Meta, parts: Sequence[Token]) -> Node:
        return self._number(meta, _percent(parts[0]), Unit.RATIO, parts[0])

    def won(self, meta: Meta, parts: Sequence[Token]) -> Node:
        return self._number(meta, _won(parts[0]), Unit.WON, parts[0])

    def shares(self, meta: Meta, parts: Sequence[Token]) -> Node:
        return self._number(meta, _digits(parts[0].removesuffix("주").strip()), Unit.SHARES, parts[0])

    def days(self, meta: Meta, parts: Sequence[Token]) -> Node:
        digits = parts[0].removesuffix("일").removesuffix("days").removesuffix("day").strip()
        return self._number(meta, _digits(digits), Unit.DAYS, parts[0])

    def clock(self, meta: Meta, parts: Sequence[Token]) -> Node:
        hours, minutes = (int(part) for part in parts[0].split(":"))
        if hours > 23 or minutes > 59:
            raise RuleProblem("clock", self._span(meta), found=str(parts[0]))
        return self._number(meta, Fraction(hours * 60 + minutes), Unit.TIME, parts[0])

    def weekday(self, meta: Meta, parts: Sequence[Token]) -> Node:
        word = str(parts[0])
        day = WEEKDAYS.index(word) if word in WEEKDAYS else _KOREAN_WEEKDAYS.index(word[0])
        return self._number(meta, Fraction(day), Unit.WEEKDAY, word)

    def name(self, meta: Meta, parts: Sequence[Token]) -> Node:
        return Name(str(parts[0]), span=self._span(meta))

    def call(self, meta: Meta, parts: Sequence[Any]) -> Node:
        arguments = tuple(part for part in parts[1:] if part is not None)
        return Call(str(parts[0]), arguments, span=self._span(meta))

    def index_field(self, meta: Meta, parts: Sequence[Token]) -> Node:
        return IndexField(parts[1][1:-1], str(parts[2]), span=self._span(meta))

    def negative(self, meta: Meta, parts: Sequence[Any]) -> Node:
        return Negative(parts[1], span=self._span(meta))

    def arithmetic(self, meta: Meta, parts: Sequence[Any]) -> Node:
        return Arithmetic(str(parts[1]), parts[0], parts[2], span=self._span(meta))

    def comparison(self, meta: Meta, parts: Sequence[Any]) -> Node:
        if len(parts) > 3:
            self._chain(meta, parts)
        return Comparison(str(parts[1]), parts[0], parts[2], span=self._span(meta))

    def _chain(self, meta: Meta, parts: Sequence[Any]) -> NoReturn:
        pairs = [
            f"{format_node(parts[index])} {parts[index + 1]} {format_node(parts[index + 2])}"
            for index in range(0, len(parts) - 2, 2)
        ]
        raise RuleProblem("chain", self._span(meta), suggestion=" and ".join(pairs))

    def denial(self, meta: Meta, parts: Sequence[Any]) -> Node:
        return Not(parts[0], span=self._span(meta))

    def conjunction(self, meta: Meta, parts: Sequence[Any]) -> Node:
        return Logic("and", tuple(parts), span=self._span(meta))

    def disjunction(self, meta: Meta, parts: Sequence[Any]) -> Node:
        return Logic("or", tuple(parts), span=self._span(meta))

    # actions

    def buy(self, meta: Meta, parts: Sequence[Any]) -> Action:
        amount, price, add = parts
        order = Buy(add=add is not None)
        if amount is not None:
            order = replace(order, **amount)
        if price is not None:
            order = replace(order, kind=price[0], price=price[1])
        return order

    def amount_ratio(self, meta: Meta, parts: Sequence[Token]) -> dict[str, object]:
        return {"ratio": _percent(parts[0])}

    def amount_won(self, meta: Meta, parts: Sequence[Token]) -> dict[str, object]:
        won = _won(parts[0])
        if won.denominator != 1 or not 1 <= won < MAX_NUMBER:
            raise RuleProblem("won_range", self._span(meta), found=str(parts[0]))
        return {"won": int(won)}

    def at_market(self, meta: Meta, parts: Sequence[Any]) -> tuple[OrderKind, Node | None]:
        return OrderKind.MARKET, None

    def at_limit(self, meta: Meta, parts: Sequence[Any]) -> tuple[OrderKind, Node | None]:
        return OrderKind.LIMIT, parts[0]

    def at_stop(self, meta: Meta, parts: Sequence[Any]) -> tuple[OrderKind, Node | None]:
        return OrderKind.STOP, parts[0]

    def require(self, meta: Meta, parts: Sequence[Any]) -> Action:
        return Require()

    def rank_by(self, meta: Meta, parts: Sequence[Any]) -> Action:
        order = parts[1]
        return RankBy(parts[0], ascending=order is not None and order.type == "ASCENDING")

    def sell_all(self, meta: Meta, parts: Sequence[Any]) -> Action:
        return Sell(Fraction(1))

    def sell_part(self, meta: Meta, parts: Sequence[Token]) -> Action:
        return Sell(_percent(parts[0]))

    def size_fixed(self, meta: Meta, parts: Sequence[Token]) -> Action:
        return Size(SizeMethod.FIXED, _percent(parts[0]))

    def size_volatility(self, meta: Meta, parts: Sequence[Token]) -> Action:
        return Size(SizeMethod.VOLATILITY, _percent(parts[0]), window_bars=self._whole(parts[1]))

    def size_risk(self, meta: Meta, parts: Sequence[Token]) -> Action:
        return Size(SizeMethod.RISK, _percent(parts[0]), stop=_percent(parts[1]))

    def block_buys(self, meta: Meta, parts: Sequence[Any]) -> Action:
        return BlockBuys()

    def halt(self, meta: Meta, parts: Sequence[Any]) -> Action:
        return Halt()

    def limit_position(self, meta: Meta, parts: Sequence[Token]) -> Action:
        return Limit(LimitKind.POSITION, ratio=_percent(parts[0]))

    def limit_positions(self, meta: Meta, parts: Sequence[Token]) -> Action:
        return Limit(LimitKind.POSITIONS, count=self._whole(parts[0]))

    def limit_sector(self, meta: Meta, parts: Sequence[Token]) -> Action:
        return Limit(LimitKind.SECTOR, ratio=_percent(parts[0]))

    def limit_day_loss(self, meta: Meta, parts: Sequence[Token]) -> Action:
        return Limit(LimitKind.DAY_LOSS, ratio=_percent(parts[0]))

    def _whole(self, token: Token) -> int:
        value = _digits(token)
        if value.denominator != 1:
            column = self.column + (token.column or 1) - 1
            raise RuleProblem(
                "count_range",
                Span(self.line, column, self.line, column + len(token)),
                what=Text("개수", "The count"),
                found=str(token),
                low=1,
                high=2500,
                example="limit positions 20",
            )
        return int(value)


def _percent(text: str) -> Fraction:
    return _digits(text.removesuffix("%").strip()) / 100


def _won(text: str) -> Fraction:
    body = text.removesuffix("원").strip()
    for word in sorted(WON_WORDS, key=len, reverse=True):
        if body.endswith(word):
            return _digits(body.removesuffix(word).strip()) * WON_WORDS[word]
    return _digits(body)
