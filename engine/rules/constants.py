"""The numbers of rules by name, and rule sets with other numbers: what a sweep varies and a neighbour perturbs.

A constant is named by its rule and its place in reading order, the condition first: `volume-surge.2` is the second
number of the rule `volume-surge`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from engine.rules.cadence import is_exact
from engine.rules.check import recheck
from engine.rules.format import format_number
from engine.rules.literals import Literal, Written, signed, written
from engine.rules.messages import UNIT_NAMES, Text
from engine.rules.number_uses import Role, uses
from engine.rules.parse import MAX_NUMBER, parse_expression
from engine.rules.problem import RuleProblem
from engine.rules.tree import Rule, RuleSet, Unit

Value = Fraction | int | float | str

MAX_PLACES = 30  # decimals of a value; more say nothing and would make texts of any length


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One number of a rule.

    Attributes:
        rule_id, position: the rule, and the place among its numbers, from 1.
        value: exact, with its sign; 7 % is 7/100.
        unit: what it means beside its neighbours: the 1000 of `close > 1000` is won.
        role: what it does.
        part: "condition" or "action".
        literal: how and where it is written in the text of that part.
        integer: whether only whole numbers can be written here.
        whole: whether a fraction would say nothing new, because what it stands beside is a whole number.
        low, high: the least and the greatest value; `low_open`: the least value itself is not allowed.
    """

    rule_id: str
    position: int
    value: Fraction
    unit: Unit
    role: Role
    part: str
    literal: Literal
    integer: bool
    whole: bool
    low: Fraction
    high: Fraction
    low_open: bool = False

    @property
    def name(self) -> str:
        """`volume-surge.2`."""
        return f"{self.rule_id}.{self.position}"

    @property
    def text(self) -> str:
        """The number as it would be written anew: `-7%`."""
        return self.literal.write(self.value)

    def write(self, value: Fraction) -> str:
        """Another value in the form of this one."""
        return self.literal.write(value)

    def read(self, text: str) -> Fraction:
        """A value as a person writes it, in the unit of the constant: `10%`, `1.5`, `5억`, `14:50`.

        Raises:
            RuleProblem: it is no number, or one of another unit.
        """
        try:
            found = signed(parse_expression(text))
        except RuleProblem:
            found = None
        if found is None:
            raise RuleProblem("constant_text", rule_id=self.rule_id, found=text, name=self.name, example=self.text)
        number, value = found
        if number.unit not in (self.literal.unit, self.unit):
            raise RuleProblem(
                "constant_unit",
                rule_id=self.rule_id,
                found=text,
                name=self.name,
                example=self.text,
                unit=UNIT_NAMES[number.unit],
                wanted=UNIT_NAMES[self.literal.unit],
            )
        return value

    def check(self, value: Fraction) -> None:
        """Refuse a value that cannot stand here.

        Raises:
            RuleProblem: it is not whole, out of bounds, or has no finite decimal form.
        """
        beyond = value < self.low or value > self.high or (self.low_open and value == self.low)
        if beyond or not _finite(value) or (self.integer and value.denominator != 1):
            shown = self.write(value) if _finite(value) and not beyond and not self.integer else _plain(value, self)
            raise RuleProblem(
                "constant_range", rule_id=self.rule_id, found=shown, name=self.name, allowed=self.allowed()
            )
        if self.literal.field and not self.integer and not is_exact(value):
            raise RuleProblem("ratio_fine", rule_id=self.rule_id, found=self.write(value))

    def allowed(self) -> Text:
        """What may be written here, in words."""
        if self.unit is Unit.WEEKDAY:
            return Text("mon부터 sat까지의 요일", "a weekday from mon to sat")
        if self.unit is Unit.TIME:
            return Text("00:00부터 23:59까지의 시각", "a time from 00:00 to 23:59")
        kind = (
            Text("정수", "a whole number")
            if self.integer
            else Text(f"소수점 아래 {MAX_PLACES}자리까지의 수", f"a number of up to {MAX_PLACES} decimals")
        )
        if self.low <= -MAX_NUMBER + 1:
            return Text(f"10의 18제곱보다 작은 {kind.ko}", f"{kind.en} smaller than 10 to the power of 18")
        low, high = self.write(self.low), self.write(self.high)
        if self.low_open:
            return Text(f"{low} 초과 {high} 이하", f"a value above {low} and up to {high}")
        return Text(f"{low}부터 {high}까지의 {kind.ko}", f"{kind.en} from {low} to {high}")


def constants_of(rule: Rule) -> tuple[Constant, ...]:
    """The numbers of a rule in reading order, those of the condition first.

    >>> from engine.rules.prompt import load_rules_text
    >>> rules = load_rules_text('''## 투자 원칙 및 규칙
    ... ### Entry Criteria: surge
    ... **규칙**: 거래량이 20일 평균의 1.5배이면 산다
    ... **조건**: `volume_ratio(20) >= 1.5`
    ... **행동**: `buy 10% of equity`
    ... **우선순위**: 5/10
    ... ''')
    >>> [(constant.name, constant.text, constant.role.value) for constant in constants_of(rules.rules[0])]
    [('surge.1', '20', 'window'), ('surge.2', '1.5', 'threshold'), ('surge.3', '10%', 'size')]
    """
    return _constants(rule.id, written(rule))


def all_constants(rules: RuleSet) -> dict[str, Constant]:
    """The numbers of all rules by name, in the order of the file."""
    return {constant.name: constant for rule in rules.rules for constant in constants_of(rule)}


def find_constant(rules: RuleSet, name: str) -> Constant:
    """The constant of a name.

    Raises:
        RuleProblem: there is none; the message lists those that exist, of the named rule first.
    """
    rule_id, _, position = name.rpartition(".")
    for rule in rules.rules:
        if rule.id == rule_id:
            for constant in constants_of(rule):
                if str(constant.position) == position:
                    return constant
    known = all_constants(rules).values()
    near = [constant for constant in known if constant.rule_id in (rule_id, name)] or list(known)
    listed = ", ".join(f"{constant.name} ({constant.text})" for constant in near) or "–"
    raise RuleProblem("unknown_constant", found=name, expected=listed)


def with_constants(rules: RuleSet, values: Mapping[str, Value]) -> RuleSet:
    """A new rule set with other numbers, checked as if it had been read from a file.

    Trees and texts change together, so the texts read again give the same trees. Only rules that change are checked.

    Args:
        rules: a checked rule set.
        values: by name of the constant; text is read in the constant's unit, a float as the decimal it shows.

    Raises:
        RuleProblem: an unknown name, a value that cannot stand there, or a rule that no longer has a meaning.

    >>> from engine.rules.prompt import load_rules_text
    >>> rules = load_rules_text('''## 투자 원칙 및 규칙
    ... ### Exit Criteria: stop
    ... **규칙**: 손실이 7%에 이르면 판다
    ... **조건**: `pnl <= -7%`
    ... **행동**: `sell all`
    ... **우선순위**: 5/10
    ... ''')
    >>> with_constants(rules, {"stop.1": "-8.5%"}).rules[0].condition_source
    'pnl <= -8.5%'
    """
    wanted: dict[str, dict[int, Fraction]] = {}
    for name, given in values.items():
        constant = find_constant(rules, name)
        value = exact_value(constant, given)
        wanted.setdefault(constant.rule_id, {})[constant.position - 1] = value
    if not wanted:
        return rules
    return replace(rules, rules=tuple(_changed(rule, wanted.get(rule.id, {})) for rule in rules.rules))


def exact_value(constant: Constant, given: Value) -> Fraction:
    """A given value as an exact one that may stand at a constant.

    Raises:
        RuleProblem: as for `with_constants`.
    """
    if isinstance(given, float):
        # repr gives the shortest decimal that means this float, which is the one a person typed.
        value = Fraction(repr(given)) if given - given == 0 else None
        if value is None:
            raise RuleProblem(
                "constant_text", rule_id=constant.rule_id, found=given, name=constant.name, example=constant.text
            )
    else:
        value = constant.read(given) if isinstance(given, str) else Fraction(given)
    constant.check(value)
    return value


def _changed(rule: Rule, values: dict[int, Fraction]) -> Rule:
    found = written(rule)
    values = {place: value for place, value in values.items() if value != found.literals[place].value}
    if not values:
        return rule
    condition_source, condition, action_source, action = found.changed(values)
    try:
        return recheck(
            rule,
            condition=condition,
            action=action,
            condition_source=condition_source,
            action_source=action_source,
        )
    except RuleProblem as problem:
        reasons = {lang: " ".join(problem.texts(lang)).strip() for lang in ("ko", "en")}
        names = constants_of(rule)
        given = ", ".join(f"{names[place].name}={names[place].write(value)}" for place, value in values.items())
        text = f"{condition_source} → {action_source}"
        reason = Text(reasons["ko"], reasons["en"])
        raise RuleProblem("constant_rule", rule_id=rule.id, given=given, text=text, reason=reason) from problem


@functools.lru_cache(maxsize=1024)
def _constants(rule_id: str, found: Written) -> tuple[Constant, ...]:
    first = len(found.condition_literals)
    pairs = zip(found.literals, uses(found), strict=True)
    return tuple(
        Constant(
            rule_id=rule_id,
            position=place,
            value=literal.value,
            unit=use.unit,
            role=use.role,
            part="condition" if place <= first else "action",
            literal=literal,
            integer=use.integer or literal.unit in (Unit.SHARES, Unit.DAYS),
            whole=use.whole or use.integer or use.unit in (Unit.SHARES, Unit.DAYS),
            low=use.low,
            high=use.high,
            low_open=use.low_open,
        )
        for place, (literal, use) in enumerate(pairs, start=1)
    )


def _finite(value: Fraction) -> bool:
    """Whether a value can be written in decimal digits, in no more of them than anyone would."""
    return (value * 10**MAX_PLACES).denominator == 1


def _plain(value: Fraction, constant: Constant) -> str:
    """A value that cannot be written in its form, as well as it can be shown."""
    if not _finite(value):
        return str(value)
    unit = Unit.RATIO if constant.literal.unit is Unit.RATIO else Unit.COUNT
    return format_number(value, unit)
