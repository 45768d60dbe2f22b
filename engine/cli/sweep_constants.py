"""The list of constants that `geoul sweep` and `geoul walk-forward` print without --vary: what there is to vary."""

from __future__ import annotations

import json

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text as Words

from engine.cli.options import Lang
from engine.reports.sweep_terminal import print_whole
from engine.rules.constants import Constant, all_constants
from engine.rules.messages import UNIT_NAMES, Text
from engine.rules.number_uses import Role
from engine.rules.tree import RuleSet

_ROLES: dict[Role, Text] = {
    Role.WINDOW: Text("과거 봉 수", "window of bars"),
    Role.NAMES: Text("종목 수", "number of names"),
    Role.THRESHOLD: Text("비교 기준", "threshold"),
    Role.FACTOR: Text("곱하는 수", "factor"),
    Role.OFFSET: Text("더하는 수", "offset"),
    Role.PRICE: Text("주문 가격", "price of an order"),
    Role.SIZE: Text("매수 크기", "size of a purchase"),
    Role.STOP: Text("손절 거리", "stop distance"),
    Role.PART_SOLD: Text("파는 몫", "part that is sold"),
    Role.LIMIT: Text("한도", "limit"),
}
_HEADS = (
    Text("상수", "Constant"),
    Text("지금 값", "Value"),
    Text("단위", "Unit"),
    Text("하는 일", "What it does"),
    Text("있는 곳", "Where"),
)
_NONE = Text("규칙에 바꿀 수가 없습니다.", "The rules have no number to vary.")
_EXAMPLE = Text(
    "하나 이상 고르십시오. 범위는 `이름=처음:끝:간격`, 목록은 `이름=값,값`, 함께 움직일 상수는 `이름+이름=…`입니다.",
    "Choose one or more: a range is `name=from:to:step`, a list `name=value,value`, and constants that move together "
    "are `name+name=…`.",
)


def print_constants(rules: RuleSet, *, lang: Lang, as_json: bool, command: str = "sweep") -> None:
    """Name, value, unit and place of every constant of the rules, and how to vary one with `command`."""
    found = list(all_constants(rules).values())
    if as_json:
        rows = [
            {
                "name": constant.name,
                "value": constant.text,
                "unit": constant.unit.value,
                "role": constant.role.value,
                "part": constant.part,
                "text": _source(rules, constant),
                "allowed": constant.allowed().in_language(lang.language),
            }
            for constant in found
        ]
        typer.echo(json.dumps({"constants": rows}, ensure_ascii=False, indent=2))
        return
    console = Console()
    if not found:
        console.print(_NONE.in_language(lang.language))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for head in _HEADS:
        table.add_column(head.in_language(lang.language), no_wrap=True)
    for constant in found:
        table.add_row(
            Words(constant.name),
            Words(constant.text, style="bold"),
            UNIT_NAMES[constant.unit].in_language(lang.language),
            _ROLES[constant.role].in_language(lang.language),
            _marked(rules, constant),
        )
    print_whole(console, table)
    console.print(Words(_EXAMPLE.in_language(lang.language), style="dim"))
    console.print(Words(f"geoul {command} --vary {_suggestion(found)}"), soft_wrap=True)


def _source(rules: RuleSet, constant: Constant) -> str:
    rule = next(rule for rule in rules.rules if rule.id == constant.rule_id)
    return rule.condition_source if constant.part == "condition" else rule.action_source


def _marked(rules: RuleSet, constant: Constant) -> Words:
    """The text that the constant stands in, with the constant underlined."""
    words = Words(_source(rules, constant), style="dim")
    words.stylize("bold underline", constant.literal.start, constant.literal.end)
    return words


def _suggestion(found: list[Constant]) -> str:
    """An axis that can be typed as it is: half, present and one and a half times the value, where those may stand."""
    for constant in found:
        values = [constant.value / 2, constant.value, constant.value * 3 / 2]
        inside = all(constant.low < value <= constant.high for value in values)
        if constant.value and inside and not (constant.whole and any(value.denominator != 1 for value in values)):
            return f"{constant.name}={','.join(constant.write(value) for value in values)}"
    return f"{found[0].name}={found[0].text}"
