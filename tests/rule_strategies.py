"""Random rules for property tests: well-typed by construction, so every tree compiles.

`market_numbers` and `market_conditions` give checked trees of MARKET or SESSION scope, `rule_sets` whole checked rule
sets with position and portfolio conditions, `any_trees` trees that need not make sense (for the grammar alone).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from hypothesis import strategies as st

from engine.rules.annotate import annotate
from engine.rules.check import check_rules
from engine.rules.edit import RuleEntry, add_rule
from engine.rules.format import format_node
from engine.rules.functions import FIELDS, FUNCTIONS
from engine.rules.parse import parse_expression
from engine.rules.problem import RuleProblem
from engine.rules.prompt import load_rules_text
from engine.rules.sections import parse_prompt
from engine.rules.tree import (
    Arithmetic,
    Cadence,
    Call,
    Category,
    Comparison,
    IndexField,
    Logic,
    Name,
    Negative,
    Node,
    Not,
    Number,
    RuleSet,
    Unit,
)


@dataclass(frozen=True)
class Taste:
    """What the random trees may contain.

    Args:
        depth: how often parts are nested.
        window: longest window in bars, at least 4.
        index: use `index("KOSPI")`.
        across: use rank, top and breadth.
        recursive: use ema, rsi_wilder, atr and macd.
        calendar: use weekday.
        money: use value and market_cap, which not every dataset has.
    """

    depth: int = 2
    window: int = 8
    index: bool = True
    across: bool = True
    recursive: bool = True
    calendar: bool = True
    money: bool = True


PLAIN = Taste()


@st.composite
def market_numbers(draw: st.DrawFn, taste: Taste = PLAIN) -> Node:
    """Checked numeric trees of MARKET or SESSION scope, of any unit."""
    words = _Words(draw, taste)
    kinds = [
        words.price,
        words.shares,
        words.ratio,
        words.count,
        words.amount,
        *([words.points] if taste.index else []),
    ]
    return annotate(parse_expression(words.pick(kinds)(taste.depth)))


@st.composite
def market_conditions(draw: st.DrawFn, taste: Taste = PLAIN) -> Node:
    """Checked conditions of MARKET or SESSION scope; among them some that are never or always true."""
    return annotate(parse_expression(_Words(draw, taste).condition(taste.depth)))


@st.composite
def held_conditions(draw: st.DrawFn, taste: Taste = PLAIN) -> Node:
    """Checked conditions for exits: position, portfolio and market values mixed."""
    return annotate(parse_expression(_Words(draw, taste).held()))


@st.composite
def rule_sets(draw: st.DrawFn, taste: Taste = PLAIN, most_rules: int = 6, interval: str = "1d") -> RuleSet:
    """Checked rule sets with at least one purchase and one exit, as `load_rules_text` gives them."""
    return load_rules_text(draw(rule_texts(taste, most_rules, interval)))


@st.composite
def rule_texts(draw: st.DrawFn, taste: Taste = PLAIN, most_rules: int = 6, interval: str = "1d") -> str:
    """The text of a decision prompt whose rules all compile."""
    rules = _Rules(_Words(draw, taste))
    makers = [rules.buy, rules.sell]
    for _ in range(draw(st.integers(0, max(most_rules - 2, 0)))):
        makers.append(rules.words.pick([rules.buy, rules.sell, rules.entry, rules.size, rules.risk]))
    text = f"# 무작위 규칙\n\n## 투자 원칙 및 규칙\n**주기**: {interval}\n"
    for number, maker in enumerate(makers):
        category, condition, action = rules.that_compiles(maker)
        cadence = Cadence.CLOSE if category is Category.EXIT and draw(st.booleans()) else None
        entry = RuleEntry(
            id=f"rule-{number}",
            category=category,
            text="무작위로 만든 규칙",
            condition=condition,
            action=action,
            priority=draw(st.integers(1, 10)),
            cadence=cadence,
        )
        text = add_rule(text, entry)
    return text


def any_trees() -> st.SearchStrategy[Node]:
    """Trees of every shape, well-typed or not, as the parser would give them."""
    return st.recursive(_leaves(), _branches, max_leaves=12)


Draft = tuple[Category, str, str]  # category, condition, action
ORDER = [">", ">=", "<", "<="]
Choice = TypeVar("Choice")


class _Words:
    """Draws the text of expressions, one method a kind; a kind is a unit and whether it is a price per share."""

    def __init__(self, draw: st.DrawFn, taste: Taste) -> None:
        self.draw, self.taste = draw, taste

    def pick(self, choices: Sequence[Choice]) -> Choice:
        return self.draw(st.sampled_from(choices))

    def one(self, makers: Sequence[Callable[[], str]]) -> str:
        return self.pick(makers)()

    def window(self, least: int = 1) -> str:
        return str(self.draw(st.integers(least, self.taste.window)))

    def number(self, low: int, high: int, places: int = 2) -> str:
        return format_node(Number(Fraction(self.draw(st.integers(low, high)), 10**places), unit=Unit.COUNT))

    def percent(self) -> str:
        return f"{self.draw(st.integers(1, 30))}%"

    def infix(self, left: str, operators: list[str], right: str) -> str:
        return f"({left} {self.pick(operators)} {right})"

    def windowed(self, inner: str) -> str:
        names = ["mean", "min", "max", "median", "highest", "lowest", "lag", *(["ema"] if self.taste.recursive else [])]
        return f"{self.pick(names)}({inner}, {self.window()})"

    def price(self, depth: int) -> str:
        leaf = self.pick(["open", "high", "low", "close"])
        if depth <= 0:
            return leaf
        makers = [
            lambda: leaf,
            lambda: self.windowed(self.price(depth - 1)),
            lambda: self.infix(self.price(depth - 1), ["+", "-"], self.price(depth - 1)),
            lambda: self.infix(self.price(depth - 1), ["*", "/"], self.number(50, 200)),
            lambda: self.infix(self.price(depth - 1), ["*"], self.ratio(depth - 1)),
            lambda: f"std({self.price(depth - 1)}, {self.window(2)})",
            lambda: f"delta({self.price(depth - 1)}, {self.window()})",
        ]
        if self.taste.recursive:
            makers += [lambda: f"atr({self.window()})", lambda: self.pick(["macd(2, 4)", "macd(2, 3, 2)"])]
        if self.taste.money:
            makers.append(lambda: "(value / volume)")
        return self.one(makers)

    def shares(self, depth: int) -> str:
        if depth <= 0:
            return "volume"
        return self.one(
            [
                lambda: "volume",
                lambda: self.windowed(self.shares(depth - 1)),
                lambda: self.infix(self.shares(depth - 1), ["*", "/"], self.number(50, 200)),
                lambda: f"sum({self.shares(depth - 1)}, {self.window()})",
            ]
        )

    def amount(self, depth: int) -> str:
        leaf = self.pick(["(close * volume)", *(["value", "market_cap"] if self.taste.money else [])])
        if depth <= 0:
            return leaf
        return self.one(
            [
                lambda: leaf,
                lambda: self.windowed(self.amount(depth - 1)),
                lambda: f"sum({self.amount(depth - 1)}, {self.window()})",
            ]
        )

    def points(self, depth: int) -> str:
        leaf = f'index("KOSPI").{self.pick(["open", "high", "low", "close"])}'
        return leaf if depth <= 0 else self.one([lambda: leaf, lambda: self.windowed(self.points(depth - 1))])

    def ratio(self, depth: int) -> str:
        makers = [
            lambda: f"returns({self.window()})",
            lambda: f"volume_ratio({self.window()})",
            lambda: f"volatility({self.window(2)})",
        ]
        if depth > 0:
            makers += [
                lambda: self.infix(self.price(depth - 1), ["/"], self.price(depth - 1)),
                lambda: f"({self.price(depth - 1)} / {self.price(depth - 1)} - 1)",
                lambda: self.infix(self.ratio(depth - 1), ["+", "-", "*"], self.ratio(depth - 1)),
                lambda: f"ts_rank({self.price(depth - 1)}, {self.window(2)})",
                lambda: f"corr({self.price(depth - 1)}, {self.shares(depth - 1)}, {self.window(2)})",
                lambda: f"beta({self.ratio(depth - 1)}, {self.ratio(depth - 1)}, {self.window(2)})",
                lambda: self.windowed(self.ratio(depth - 1)),
            ]
        if depth > 0 and self.taste.across:
            makers += [
                lambda: f"rank({self.price(depth - 1)})",
                lambda: f"breadth({self.infix(self.price(depth - 1), ORDER, self.price(depth - 1))})",
            ]
        return self.one(makers)

    def count(self, depth: int) -> str:
        makers = [lambda: f"rsi({self.window()})"]
        if self.taste.recursive:
            makers.append(lambda: f"rsi_wilder({self.window()})")
        if depth > 0:
            makers += [
                lambda: f"zscore({self.price(depth - 1)}, {self.window(2)})",
                lambda: f"count_if({self.condition(depth - 1)}, {self.window()})",
                lambda: f"bars_since({self.condition(depth - 1)}, {self.window()})",
            ]
        return self.one(makers)

    def condition(self, depth: int) -> str:
        makers = [
            lambda: self.infix(self.price(depth), ORDER, self.price(depth)),
            lambda: self.infix(self.price(depth), ORDER, self.number(1, 2_000_000, 0)),
            lambda: self.infix(self.shares(depth), ORDER, self.shares(depth)),
            lambda: self.infix(self.ratio(depth), ORDER, self.number(1, 300)),
            lambda: self.infix(self.count(depth), ORDER, self.number(0, 100, 0)),
            lambda: self.infix("close", ["==", "!="], self.pick(["open", "lag(close, 1)"])),
            lambda: f"crosses_above({self.price(depth)}, {self.price(depth)})",
            lambda: f"crosses_below({self.price(depth)}, {self.number(1, 100_000, 0)})",
        ]
        if self.taste.across:
            makers.append(lambda: f"top({self.price(depth)}, {self.draw(st.integers(1, 4))})")
        if self.taste.index:
            makers.append(lambda: self.infix(self.points(depth), ORDER, self.points(depth)))
        if self.taste.calendar:
            makers.append(lambda: self.infix("weekday", ["==", "!="], self.pick(["mon", "wed", "fri"])))
        if self.taste.money:
            makers.append(lambda: self.infix(self.amount(depth), ORDER, self.amount(depth)))
        if depth > 0:
            makers += [
                lambda: self.infix(self.condition(depth - 1), ["and", "or"], self.condition(depth - 1)),
                lambda: f"(not {self.condition(depth - 1)})",
            ]
        return self.one(makers)

    def own(self) -> str:
        """A condition on the position or the portfolio."""
        percents = [
            *("pnl <= -{}", "pnl >= {}", "drawdown_from_peak <= -{}", "close <= entry_price * (1 - {})"),
            *("weight > {}", "drawdown <= -{}", "cash_ratio < {}"),
        ]
        makers = [lambda form=form: form.format(self.percent()) for form in percents]
        makers.append(lambda: f"days_held >= {self.draw(st.integers(1, 20))}")
        makers.append(lambda: f"positions > {self.draw(st.integers(1, 5))}")
        return self.one(makers)

    def held(self) -> str:
        def mixed() -> str:
            other = self.one([self.own, lambda: self.condition(min(self.taste.depth, 1))])
            return self.infix(self.own(), ["and", "or"], other)

        return self.one([self.own, lambda: self.condition(min(self.taste.depth, 1)), mixed])


class _Rules:
    """Draws whole rules."""

    def __init__(self, words: _Words) -> None:
        self.words = words
        self.depth = min(words.taste.depth, 1)

    def that_compiles(self, maker: Callable[[], Draft]) -> Draft:
        """Drop conditions that can never fire or always do; anything else that fails is a fault of this generator."""
        for _ in range(5):
            draft = maker()
            category, condition, action = draft
            entry = RuleEntry(id="draft", category=category, text="-", condition=condition, action=action, priority=5)
            try:
                check_rules(parse_prompt(add_rule("", entry)))
            except RuleProblem as problem:
                if problem.code not in ("never", "always_true"):
                    raise
            else:
                return draft
        return category, "weekday != wed", action

    def buy(self) -> Draft:
        pick = self.words.pick
        size = pick(["5% of equity", "10% of equity", "33.3% of equity", "100% of equity", "100만"])
        offset = pick(["0.5 * (high - low)", "1% * close", "std(close, 3)"])
        how = pick(
            [
                *("", "", " at market", " at limit close", " at limit 0.99 * close", " at stop high"),
                *(
                    " at stop highest(high, 3)",
                    f" at stop session_open + {offset}",
                    f" at limit session_open - {offset}",
                ),
            ]
        )
        condition = self.words.one(
            [
                lambda: self.words.condition(self.depth),
                lambda: "always",
                lambda: f"{self.words.condition(0)} and positions < 3",
            ]
        )
        return Category.ENTRY, condition, f"buy {size}{how}{pick(['', '', ' add'])}"

    def sell(self) -> Draft:
        category = self.words.pick([Category.EXIT, Category.EXIT, Category.RISK])
        return category, self.words.held(), self.words.pick(["sell all", "sell 50%", "sell 33%"])

    def entry(self) -> Draft:
        if self.words.draw(st.booleans()):
            return Category.ENTRY, self.words.condition(self.depth), "require"
        key = self.words.pick([self.words.ratio, self.words.price])(0)
        condition = self.words.one([lambda: "always", lambda: self.words.condition(self.depth)])
        return Category.ENTRY, condition, f"rank by {key}{self.words.pick(['', ' ascending'])}"

    def size(self) -> Draft:
        actions = [
            *("size 10% of equity", "size volatility target 2% over 5", "size risk 1% at stop 7%"),
            *("limit position 20%", "limit positions 3", "limit sector 50%"),
        ]
        conditions = ["always", "always", "drawdown <= -5%", "cash_ratio >= 20%"]
        return Category.SIZING, self.words.pick(conditions), self.words.pick(actions)

    def risk(self) -> Draft:
        account = ["day_pnl <= -1%", "consecutive_losses >= 3", "drawdown <= -10%", "weekday == fri", "month_pnl < -3%"]
        kind = self.words.pick(["name", "account", "cooling"])
        if kind == "account":
            action = self.words.pick(["block buys", "halt", "limit positions 2", "limit day loss 2%"])
            return Category.RISK, self.words.pick(account), action
        if kind == "cooling":
            return Category.RISK, f"bars_since_exit < {self.words.draw(st.integers(1, 9))}", "block buys"
        return Category.RISK, self.words.condition(self.depth), self.words.pick(["block buys", "limit position 5%"])


# Trees of any shape, for the grammar.


def _leaves() -> st.SearchStrategy[Node]:
    hundredths = st.integers(0, 10**9).map(lambda value: Fraction(value, 100))
    whole = st.integers(0, 10**12).map(Fraction)
    return st.one_of(
        st.builds(lambda value: Number(value, unit=Unit.COUNT), hundredths),
        st.builds(lambda value: Number(value / 100, unit=Unit.RATIO), hundredths),
        st.builds(lambda value: Number(value, unit=Unit.WON), st.one_of(whole, hundredths)),
        st.builds(lambda value: Number(value, unit=Unit.SHARES), whole),
        st.builds(lambda value: Number(value, unit=Unit.DAYS), whole),
        st.builds(lambda value: Number(Fraction(value), unit=Unit.TIME), st.integers(0, 1439)),
        st.builds(lambda value: Number(Fraction(value), unit=Unit.WEEKDAY), st.integers(0, 5)),
        st.sampled_from(sorted(FIELDS)).map(Name),
        st.builds(IndexField, st.sampled_from(["KOSPI", "KOSDAQ"]), st.sampled_from(["close", "open"])),
    )


def _branches(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    operands = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.one_of(
        st.builds(Call, st.sampled_from(sorted(FUNCTIONS)), st.lists(inner, max_size=3).map(tuple)),
        st.builds(Negative, inner),
        st.builds(Not, inner),
        st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner),
        st.builds(Comparison, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), inner, inner),
        st.builds(Logic, st.sampled_from(["and", "or"]), operands),
    )
