"""Changing the rules of a decision prompt as text: add, remove, replace. Everything else stays byte for byte."""

from __future__ import annotations

from dataclasses import dataclass

from engine.rules.messages import CATEGORY_TITLES
from engine.rules.problem import RuleProblem
from engine.rules.sections import RULES_TITLE, Block, Line, Prompt, Section, parse_prompt
from engine.rules.tree import Cadence, Category


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEntry:
    """A rule as it is written into the prompt; nothing is compiled here."""

    id: str
    category: Category
    text: str
    condition: str
    action: str
    priority: int
    rationale: str = ""
    added: str = ""
    cadence: Cadence | None = None


def render_rule(entry: RuleEntry, newline: str = "\n") -> str:
    """The block of a rule, in the layout of the prompt.

    Raises:
        RuleProblem: a text holds a line break or another control character, which could smuggle in a second rule.
    """
    fields = {
        "규칙": entry.text,
        "조건": f"`{entry.condition}`",
        "행동": f"`{entry.action}`",
        "우선순위": f"{entry.priority}/10",
        "근거": entry.rationale,
        "추가일": entry.added,
        "평가": entry.cadence.value if entry.cadence else "",
    }
    lines = [f"### {CATEGORY_TITLES[entry.category]}: {entry.id}"]
    for name, value in {"id": entry.id, **fields}.items():
        if not value.isprintable():
            raise RuleProblem("entry_text", rule_id=entry.id, found=name)
    lines += [f"**{name}**: {value}" for name, value in fields.items() if value]
    return newline.join(lines) + newline


def add_rule(text: str, entry: RuleEntry) -> str:
    """The prompt with one more rule at the end of its rules section, which is made if there is none."""
    prompt = parse_prompt(text)
    newline = _newline(text)
    if not prompt.rules_sections:
        start = _ended(text, newline) + (newline if text else "")
        return f"{start}## {RULES_TITLE}{newline}{newline}{render_rule(entry, newline)}"
    section = prompt.rules_sections[0]
    for block in section.blocks:
        if block.rule_id == entry.id:
            raise RuleProblem("duplicate_id", rule_id=entry.id, found=entry.id, first=block.heading.number)
    last = _last_written(list(section.all_lines()))
    lines = list(prompt.lines)
    before = _ended("".join(line.raw for line in lines[: last.number]), newline)
    after = "".join(line.raw for line in lines[last.number :])
    gap = newline if after and not lines[last.number].blank else ""
    return before + newline + render_rule(entry, newline) + gap + after


def remove_rule(text: str, rule_id: str) -> str:
    """The prompt without a rule; the blank line before it goes too, so that adding and removing change nothing."""
    prompt = parse_prompt(text)
    block = _block(prompt, rule_id)
    lines = list(prompt.lines)
    start, end = _extent(block)
    if start > 0 and lines[start - 1].blank:
        start -= 1
    return "".join(line.raw for line in lines[:start] + lines[end:])


def replace_rule(text: str, rule_id: str, entry: RuleEntry) -> str:
    """The prompt with a rule's block written anew in its place."""
    prompt = parse_prompt(text)
    block = _block(prompt, rule_id)
    taken = [other for other in _section(prompt).blocks if other.rule_id == entry.id and other != block]
    if taken:
        first = taken[0].heading.number
        raise RuleProblem("duplicate_id", rule_id=entry.id, found=entry.id, first=first)
    lines = list(prompt.lines)
    start, end = _extent(block)
    rendered = render_rule(entry, _newline(text))
    return "".join(line.raw for line in lines[:start]) + rendered + "".join(line.raw for line in lines[end:])


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _ended(text: str, newline: str) -> str:
    return text if not text or text.endswith("\n") else text + newline


def _section(prompt: Prompt) -> Section:
    if not prompt.rules_sections:
        raise RuleProblem("no_section")
    return prompt.rules_sections[0]


def _block(prompt: Prompt, rule_id: str) -> Block:
    blocks = _section(prompt).blocks
    for block in blocks:
        if block.rule_id == rule_id:
            return block
    names = ", ".join(block.rule_id for block in blocks) or "–"
    raise RuleProblem("unknown_rule", found=rule_id, expected=names)


def _last_written(lines: list[Line]) -> Line:
    written = [line for line in lines if not line.blank]
    return written[-1]


def _extent(block: Block) -> tuple[int, int]:
    """First and one past the last line of a block, 0-based, without the blank lines at its end."""
    last = _last_written([block.heading, *block.lines])
    return block.heading.number - 1, last.number
