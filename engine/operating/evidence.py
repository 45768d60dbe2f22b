"""The figures behind a rule's verdict, for the sentence that justifies an order.

Of a condition, what is shown are the numbers it compares: `close > mean(close, 20)` shows close and mean(close, 20).
Market data is read from the feature graph, and position and portfolio fields by the function that the step itself
calls, so a sentence cannot show another number than the one that decided.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from engine.matching import arrays as at
from engine.matching import program
from engine.operating.state import Figure
from engine.reports.format import DASH, number, percent, price
from engine.reports.language import Lang
from engine.rules.format import format_node, format_number
from engine.rules.tree import Call, Name, Node, Number, Require, Rule, Scope, Unit
from engine.rules.walk import children
from engine.simulation import Simulation

# Ratios that people read as multiples or coefficients, not as percentages.
_PLAIN_RATIOS = frozenset({"volume_ratio", "corr", "beta", "rank", "ts_rank"})


def shown_parts(node: Node) -> tuple[Node, ...]:
    """The numbers that a condition compares, without literals, each once.

    >>> from engine.rules.annotate import annotate_condition
    >>> from engine.rules.parse import parse_expression
    >>> condition = annotate_condition(parse_expression("volume_ratio(20) >= 1.5 and crosses_above(close, open)"))
    >>> [format_node(part) for part in shown_parts(condition)]
    ['volume_ratio(20)', 'close', 'open']
    """
    return tuple(dict.fromkeys(_parts(node)))


def market_parts(rules: Iterable[Rule]) -> tuple[Node, ...]:
    """What the feature graph has to compute beside the rules themselves, so that figures can be shown."""
    parts = (part for rule in rules for part in shown_parts(rule.condition))
    return tuple(dict.fromkeys(part for part in parts if part.scope <= Scope.MARKET))


def _parts(node: Node) -> Iterable[Node]:
    if isinstance(node, Number) or node.scope is Scope.CONSTANT:
        return
    is_value = node.unit is not Unit.BOOL and (node.scope <= Scope.MARKET or isinstance(node, Name))
    if is_value:
        yield node
        return
    for child in children(node):
        yield from _parts(child)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A number that a condition compares: its text, its unit, and where it is read; -1 is nowhere."""

    what: str
    unit: str
    column: int
    field: int


class Evidence:
    """Reads figures at the last closed bar.

    Args:
        simulation: built with `market_parts` of its rules as watched nodes.
        lang: of the numbers.
    """

    def __init__(self, simulation: Simulation, lang: Lang) -> None:
        self._simulation, self._lang = simulation, lang
        rules = simulation.rules.source
        self._parts = [shown_parts(rule.condition) for rule in rules]
        self._requires = [place for place, rule in enumerate(rules) if isinstance(rule.action, Require)]
        nodes = market_parts(rules)
        self._nodes: Sequence[Node] = nodes
        self._column = {node: place for place, node in enumerate(nodes)}
        self._shown: dict[tuple[tuple[int, ...], bool], tuple[_Shown, ...]] = {}  # the same rules signal every day
        self._market = _plain_market(simulation)
        self._first = self._known_to = simulation.first
        self._columns: list[NDArray[Any]] = []

    def figures(self, rules: Iterable[int], col: int, *, buying: bool) -> tuple[Figure, ...]:
        """What the conditions of some rules compare, for one instrument; a purchase shows the requirements too.

        Args:
            rules: indices into the rule set.
            col: column of the instrument.
            buying: whether the requirements took part.
        """
        asked = tuple(rules), buying
        if asked not in self._shown:
            places = dict.fromkeys([*asked[0], *(self._requires if buying else ())])
            parts = dict.fromkeys(part for place in places for part in self._parts[place])
            self._shown[asked] = tuple(self._place(part) for part in parts)
        return tuple(self._figure(part, col) for part in self._shown[asked])

    def sentence(self, figures: Iterable[Figure]) -> str:
        """Figures as they stand in the sentence that justifies an order."""
        return ", ".join(f"{figure.what} {self._text(figure)}" for figure in figures)

    def _place(self, part: Node) -> _Shown:
        plain = isinstance(part, Call) and part.function in _PLAIN_RATIOS
        unit = Unit.COUNT if plain and part.unit is Unit.RATIO else part.unit
        of_market = part.scope <= Scope.MARKET
        of_book = not of_market and isinstance(part, Name) and part.name in program.FIELDS
        return _Shown(
            what=format_node(part),
            unit=unit.value,
            column=self._column[part] if of_market else -1,
            field=program.FIELDS.index(part.name) if of_book and isinstance(part, Name) else -1,
        )

    def _figure(self, part: _Shown, col: int) -> Figure:
        value = self._value(part, col)
        return Figure(what=part.what, value=None if math.isnan(value) else value, unit=part.unit)

    def _text(self, figure: Figure) -> str:
        value, unit = figure.value, Unit(figure.unit)
        if value is None:
            return DASH
        match unit:
            case Unit.WON:
                return f"{price(value)}원" if self._lang == "ko" else f"₩{price(value)}"
            case Unit.RATIO:
                return percent(value, signed=True)
            case Unit.TIME | Unit.WEEKDAY:
                return format_number(Fraction(round(value)), unit)
            case _:
                return price(value) if value == round(value) else number(value)

    def _value(self, part: _Shown, col: int) -> float:
        simulation = self._simulation
        row = simulation.row
        if part.column >= 0:
            if row >= self._known_to:
                self._first, self._known_to, self._columns = simulation.feature_columns(row, self._nodes)
            column = self._columns[part.column]
            return float(column[row - self._first, min(col, column.shape[1] - 1)])
        if part.field >= 0:
            return float(program.field(self._market, simulation.book, row, col, part.field))
        return math.nan


def _plain_market(simulation: Simulation) -> at.Market:
    """The market's arrays under the names by which the step reads them; Python runs the step's own functions on it."""
    bars, state, base, session, moment, venue, ticks, instruments, actions, config = simulation.exchange.arrays
    return at.Market(
        open=bars[at.OPEN],
        high=bars[at.HIGH],
        low=bars[at.LOW],
        close=bars[at.CLOSE],
        volume=bars[at.VOLUME],
        state=state,
        base=base,
        session=session,
        moment=moment,
        venue=venue,
        tick_bounds=ticks[0],
        tick_sizes=ticks[1],
        instruments=instruments,
        actions=actions,
        config=config,
    )
