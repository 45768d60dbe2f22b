"""Compiles a rule set into the tables that the step reads.

Every part of a condition that needs only market data becomes a feature (computed once for all instruments, shared by
all rules); what depends on a position or the portfolio becomes flat code for `engine.matching.program`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from engine.errors import RuleError
from engine.matching import plan
from engine.matching import program as machine
from engine.matching.arrays import LIMIT, MARKET, PPB, STOP
from engine.rules.annotate import varies_by_instrument
from engine.rules.cadence import price_level
from engine.rules.order_price import split_order_price
from engine.rules.tree import (
    Action,
    Arithmetic,
    BlockBuys,
    Buy,
    Cadence,
    Call,
    Comparison,
    Halt,
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
    Rule,
    RuleSet,
    Scope,
    Sell,
    Size,
    SizeMethod,
    Unit,
)

MOST_RULES = 126  # two mask words of 63 bits in every order

_ARITHMETIC = {"+": machine.ADD, "-": machine.SUBTRACT, "*": machine.MULTIPLY, "/": machine.DIVIDE}
_COMPARISON = {
    "<": machine.LESS,
    "<=": machine.LESS_EQUAL,
    ">": machine.GREATER,
    ">=": machine.GREATER_EQUAL,
    "==": machine.EQUAL,
    "!=": machine.NOT_EQUAL,
}
_LOGIC = {"and": machine.AND, "or": machine.OR}
_ORDER_KIND = {OrderKind.MARKET: MARKET, OrderKind.LIMIT: LIMIT, OrderKind.STOP: STOP}
_LIMIT_KIND = {
    LimitKind.POSITION: plan.RISK_WEIGHT,
    LimitKind.POSITIONS: plan.RISK_POSITIONS,
    LimitKind.SECTOR: plan.RISK_SECTOR,
    LimitKind.DAY_LOSS: plan.RISK_DAY_LOSS,
}


@dataclass(frozen=True)
class CompiledRules:
    """A rule set ready to run.

    Args:
        rules: tables and code for the step, sorted by priority.
        exit_rules: int64[exits, 2], rule index and fraction in parts per billion of each exit, guarded ones included.
        flags: boolean features in the order of their slots.
        numbers: numeric features in the order of their slots.
        candidates: a feature that is true wherever an entry may fire; None when only the step can tell.
        source: the rules in the order of the file; indices in `rules` point into it.
    """

    rules: plan.Rules
    exit_rules: NDArray[np.int64]
    flags: tuple[Node, ...]
    numbers: tuple[Node, ...]
    candidates: Node | None
    source: tuple[Rule, ...]

    @property
    def features(self) -> tuple[Node, ...]:
        """Every node that the feature graph has to compute."""
        extra = () if self.candidates is None else (self.candidates,)
        return (*self.flags, *self.numbers, *extra)


@dataclass
class _Code:
    """Instructions, constants and feature slots while they are collected."""

    instructions: list[tuple[int, int]] = field(default_factory=list)
    constants: list[float] = field(default_factory=list)
    flags: dict[Node, int] = field(default_factory=dict)
    numbers: dict[Node, int] = field(default_factory=dict)

    def piece(self, node: Node) -> tuple[int, int]:
        """Append the code of an expression; returns [begin, end)."""
        begin = len(self.instructions)
        depth = self._emit(node)
        if depth > machine.STACK:
            raise RuleError(
                f"The expression nests {depth} levels deep; the interpreter has room for {machine.STACK}.",
                line=node.span.line,
                column=node.span.column,
                suggestion="Split it into two rules.",
            )
        return begin, len(self.instructions)

    def number_slot(self, node: Node) -> int:
        """Slot of a numeric feature."""
        return self.numbers.setdefault(node, len(self.numbers))

    def _emit(self, node: Node) -> int:
        """Emit one node, returning the stack it needs."""
        if isinstance(node, Number):
            self._push(machine.CONSTANT, len(self.constants))
            self.constants.append(float(node.value))
            return 1
        if isinstance(node, Name) and node.name == "always":
            self._push(machine.CONSTANT, len(self.constants))
            self.constants.append(1.0)
            return 1
        if node.scope <= Scope.MARKET:
            if node.unit is Unit.BOOL:
                self._push(machine.FLAG, self.flags.setdefault(node, len(self.flags)))
            else:
                self._push(machine.NUMBER, self.number_slot(node))
            return 1
        if isinstance(node, Name):
            self._push(machine.FIELD, machine.FIELDS.index(node.name))
            return 1
        if isinstance(node, Negative | Not):
            depth = self._emit(node.operand)
            self._push(machine.NEGATE if isinstance(node, Negative) else machine.NOT, 0)
            return depth
        if isinstance(node, Arithmetic):
            return self._fold(_ARITHMETIC[node.operator], (node.left, node.right))
        if isinstance(node, Comparison):
            return self._fold(_COMPARISON[node.operator], (node.left, node.right))
        if isinstance(node, Logic):
            return self._fold(_LOGIC[node.operator], node.operands)
        raise RuleError(
            "A window over something that depends on the position or the portfolio cannot be computed.",
            line=node.span.line,
            column=node.span.column,
            suggestion="Use market data inside functions, and compare their results with position fields.",
        )

    def _fold(self, operation: int, operands: Sequence[Node]) -> int:
        depth = self._emit(operands[0])
        for operand in operands[1:]:
            depth = max(depth, 1 + self._emit(operand))
            self._push(operation, 0)
        return depth

    def _push(self, operation: int, argument: int) -> None:
        self.instructions.append((operation, argument))


def compile_rules(ruleset: RuleSet, *, price_scale: int = 1) -> CompiledRules:
    """Compile a checked rule set.

    Args:
        ruleset: rules in the order of the file.
        price_scale: price units per won of the data they will run on.

    Raises:
        RuleError: more rules than the order log can name, or an expression the step cannot compute.
    """
    if len(ruleset.rules) > MOST_RULES:
        raise RuleError(
            f"There are {len(ruleset.rules)} rules; orders can name {MOST_RULES}.",
            suggestion="Merge rules that do the same, or remove those that never fire.",
        )
    code = _Code()
    tables: dict[str, list[tuple[int, ...]]] = {
        name: [] for name in ("entries", "requires", "ranks", "exits", "guards", "sizes", "risks")
    }
    exit_rules: list[tuple[int, int]] = []
    by_importance = sorted(enumerate(ruleset.rules), key=lambda pair: (-pair[1].priority, pair[0]))
    for index, rule in by_importance:
        table, row = _row(code, index, rule, rule.action, len(exit_rules), price_scale)
        tables[table].append(row)
        if isinstance(rule.action, Sell):
            exit_rules.append((index, _ppb(rule.action.fraction)))
    widths = {
        "entries": plan.ENTRY_FIELDS,
        "requires": plan.REQUIRE_FIELDS,
        "ranks": plan.RANK_FIELDS,
        "exits": plan.EXIT_FIELDS,
        "guards": plan.GUARD_FIELDS,
        "sizes": plan.SIZE_FIELDS,
        "risks": plan.RISK_FIELDS,
    }
    arrays = {name: _table(rows, widths[name]) for name, rows in tables.items()}
    return CompiledRules(
        rules=plan.Rules(
            code=_table(code.instructions, 2), constants=np.array(code.constants, dtype=np.float64), **arrays
        ),
        exit_rules=_table(exit_rules, 2),
        flags=tuple(code.flags),
        numbers=tuple(code.numbers),
        candidates=candidate_condition(ruleset.rules),
        source=ruleset.rules,
    )


def _row(
    code: _Code, index: int, rule: Rule, action: Action, exit_index: int, price_scale: int
) -> tuple[str, tuple[int, ...]]:
    """The table and the row that a rule becomes."""
    begin, end = code.piece(rule.condition)
    head = (index, begin, end)
    match action:
        case Buy():
            return "entries", (*head, *_entry(code, action, price_scale))
        case Require():
            return "requires", head
        case RankBy():
            return "ranks", (*head, int(action.ascending), *code.piece(action.key))
        case Sell():
            if rule.cadence is Cadence.INTRADAY:
                return "guards", (*head, *_guard(rule, exit_index))
            return "exits", (*head, exit_index, _ppb(action.fraction))
        case Size():
            return "sizes", (*head, *_size(code, action))
        case BlockBuys():
            return "risks", (*head, plan.RISK_BLOCK, 0, _per_name(rule))
        case Halt():
            return "risks", (*head, plan.RISK_HALT, 0, _per_name(rule))
        case Limit():
            value = action.count if action.count is not None else _ppb(action.ratio or Fraction(0))
            if action.kind is not LimitKind.POSITION and _per_name(rule):
                raise RuleError(
                    f"`limit {action.kind.value}` holds for the whole portfolio, but its condition looks at one name.",
                    rule_id=rule.id,
                    line=rule.line,
                    suggestion="Use portfolio, index or breadth values in the condition.",
                )
            return "risks", (*head, _LIMIT_KIND[action.kind], value, _per_name(rule))
    raise RuleError(f"The action of rule {rule.id} is not known to the compiler.", rule_id=rule.id)


def _entry(code: _Code, action: Buy, price_scale: int) -> tuple[int, ...]:
    begin = end = relative = 0
    if action.price is not None:
        price = split_order_price(action.price)
        relative = int(price.from_session_open)
        begin, end = code.piece(price.offset)
    ratio = _ppb(action.ratio) if action.ratio is not None else 0
    money = (action.won or 0) * price_scale
    return _ORDER_KIND[action.kind], ratio, money, begin, end, relative, int(action.add)


def _guard(rule: Rule, exit_index: int) -> tuple[int, ...]:
    level = price_level(rule)
    if level is None:
        raise RuleError(
            "An exit inside the session must come down to one price level known before the bar.",
            rule_id=rule.id,
            line=rule.line,
            suggestion="Write `**평가**: 종가`, or compare pnl or drawdown_from_peak with a constant.",
        )
    direction = -1 if level.operator in ("<", "<=") else 1
    strict = int(level.operator in ("<", ">"))
    return exit_index, int(level.kind == "drawdown"), direction, strict, _ppb(level.ratio)


def _size(code: _Code, action: Size) -> tuple[int, ...]:
    slot = 0
    method = plan.SIZE_FIXED
    if action.method is SizeMethod.VOLATILITY:
        method = plan.SIZE_VOLATILITY
        window = Number(Fraction(action.window_bars), unit=Unit.COUNT, scope=Scope.CONSTANT)
        slot = code.number_slot(Call("volatility", (window,), unit=Unit.RATIO, scope=Scope.MARKET))
    elif action.method is SizeMethod.RISK:
        method = plan.SIZE_RISK
    return method, _ppb(action.ratio), slot, _ppb(action.stop)


def _per_name(rule: Rule) -> int:
    """Whether a risk rule looks at one name (1) or at the portfolio and the session alone (0)."""
    return int(varies_by_instrument(rule.condition))


def candidate_condition(rules: Iterable[Rule]) -> Node | None:
    """A market condition that every entry needs: (any trigger's market part) and (every requirement's market part).

    It only saves work: the step evaluates the full conditions for every name that passes it. None means that no such
    condition can be told from market data, and every name is looked at.
    """
    triggers = [_market_part(rule.condition) for rule in rules if isinstance(rule.action, Buy)]
    if not triggers or any(part is None for part in triggers):
        return None
    requires = [_market_part(rule.condition) for rule in rules if isinstance(rule.action, Require)]
    parts = [_join("or", [part for part in triggers if part is not None])]
    return _join("and", parts + [part for part in requires if part is not None])


def _market_part(condition: Node) -> Node | None:
    """The part of a condition that needs market data alone and without which it cannot hold."""
    if condition.scope is Scope.CONSTANT:
        return None
    if condition.scope <= Scope.MARKET:
        return condition
    if isinstance(condition, Logic) and condition.operator == "and":
        parts = [part for part in map(_market_part, condition.operands) if part is not None]
        return _join("and", parts) if parts else None
    return None


def _join(operator: str, parts: list[Node]) -> Node:
    if len(parts) == 1:
        return parts[0]
    return Logic(operator, tuple(parts), unit=Unit.BOOL, scope=max(part.scope for part in parts))


def _ppb(ratio: Fraction) -> int:
    """A ratio in parts per billion; the language allows no finer literal than that."""
    return int(ratio * PPB)


def _table(rows: Sequence[tuple[int, ...]], width: int = 2) -> NDArray[np.int64]:
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)
