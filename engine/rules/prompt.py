"""The decision prompt: from a file or a text to checked rules."""

from __future__ import annotations

from pathlib import Path

from engine.rules.check import Review, check_rules, review
from engine.rules.edit import RuleEntry, add_rule, remove_rule, render_rule, replace_rule
from engine.rules.problem import RuleProblem
from engine.rules.sections import Prompt, parse_prompt, print_prompt
from engine.rules.tree import RuleSet, Span

__all__ = [
    "Prompt",
    "Review",
    "RuleEntry",
    "add_rule",
    "check_rules",
    "load_rules",
    "load_rules_text",
    "parse_prompt",
    "print_prompt",
    "read_prompt",
    "remove_rule",
    "render_rule",
    "replace_rule",
    "review",
]


def load_rules(source: Path | str) -> RuleSet:
    """The checked rules of a prompt.

    Args:
        source: a path, or the text itself (a string with a line break is a text).

    Raises:
        RuleProblem: the file cannot be read or a rule does not compile.
    """
    if isinstance(source, str) and "\n" in source:
        return load_rules_text(source)
    text = read_prompt(Path(source))
    try:
        return load_rules_text(text)
    except RuleProblem as problem:
        raise problem.found_in(str(source), problem.source) from None


def load_rules_text(text: str) -> RuleSet:
    """The checked rules of a prompt's text, for instance of an earlier revision."""
    return check_rules(parse_prompt(text))


def read_prompt(path: Path) -> str:
    """The text of a prompt file with its line ends as they are."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RuleProblem("no_file", found=f"{path} ({error.strerror})") from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problem = RuleProblem("not_utf8", Span(line, 1, line, 1), byte=error.start + 1)
        raise problem.found_in(str(path), "") from None
