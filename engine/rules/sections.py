"""The decision prompt as a structure: sections, rule blocks, fields. Parsing loses nothing.

Every line keeps its raw text, so `print_prompt(parse_prompt(text)) == text` for any text. Parsing never fails; what is
wrong with the rules is told by `engine.rules.check`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

RULES_TITLE = "투자 원칙 및 규칙"
HEAD_FIELDS = ("주기",)
RULE_FIELDS = ("규칙", "조건", "행동", "우선순위", "근거", "추가일", "평가")

_HEADING = re.compile(r"^\ufeff? {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_FIELD = re.compile(
    r"^[ \t]*(?:[-*][ \t]+)?\*\*[ \t]*([^*::]+?)[ \t]*(?:\*\*[ \t]*[::]|[::][ \t]*\*\*)[ \t]*(.*?)[ \t]*$"
)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its line break.

    Attributes:
        raw: the text, line break included.
        number: 1-based.
        quiet: inside a code fence or a comment; holds no heading and no field.
        level: number of # of a heading, else 0.
        title: text of a heading.
        name: name of a field (`**name**: value`), else empty.
        value: its value, without blanks around.
        column: 1-based column of the value, or of the title.
    """

    raw: str
    number: int
    quiet: bool = False
    level: int = 0
    title: str = ""
    name: str = ""
    value: str = ""
    column: int = 1

    @property
    def blank(self) -> bool:
        return not self.raw.strip()

    @property
    def text(self) -> str:
        """Without the line break."""
        return self.raw.rstrip("\r\n")


@dataclass(frozen=True, slots=True)
class Block:
    """A `###` heading of the rules section and the lines below it."""

    heading: Line
    lines: tuple[Line, ...]

    @property
    def title(self) -> str:
        """`Entry Criteria` of `### Entry Criteria: volume-surge`; empty when there is no colon."""
        return self._parts()[0]

    @property
    def rule_id(self) -> str:
        """`volume-surge` of `### Entry Criteria: volume-surge`; empty when there is no colon."""
        return self._parts()[1]

    def _parts(self) -> tuple[str, str]:
        pieces = re.split(r"\s*[::]\s*", self.heading.title, maxsplit=1)
        return (pieces[0], pieces[1]) if len(pieces) == 2 else ("", "")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of level 1 or 2 with everything below it.

    `blocks` is filled in the rules section only; `lines` are those before the first block. The first section of a text
    may have no heading.
    """

    heading: Line | None
    lines: tuple[Line, ...] = ()
    blocks: tuple[Block, ...] = ()

    @property
    def is_rules(self) -> bool:
        return self.heading is not None and self.heading.level == 2 and self.heading.title == RULES_TITLE

    def all_lines(self) -> Iterator[Line]:
        if self.heading is not None:
            yield self.heading
        yield from self.lines
        for block in self.blocks:
            yield block.heading
            yield from block.lines


@dataclass(frozen=True, slots=True)
class Prompt:
    """A whole decision prompt.

    `unclosed` is the line that opened a code fence or a comment which never ends, if there is one.
    """

    sections: tuple[Section, ...]
    unclosed: Line | None = field(default=None)

    @property
    def rules_sections(self) -> tuple[Section, ...]:
        return tuple(section for section in self.sections if section.is_rules)

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(line for section in self.sections for line in section.all_lines())

    def line(self, number: int) -> str:
        """The text of one line, for pointing at a problem; empty when there is no such line."""
        return next((line.text for line in self.lines if line.number == number), "")


def parse_prompt(text: str) -> Prompt:
    """The structure of a decision prompt; any text is accepted.

    >>> prompt = parse_prompt("# 제목\\n## 투자 원칙 및 규칙\\n### Entry Criteria: a\\n**조건**: `always`\\n")
    >>> prompt.rules_sections[0].blocks[0].lines[0].value
    '`always`'
    """
    lines, unclosed = _read_lines(text)
    sections: list[Section] = []
    start = 0
    for index, line in enumerate(lines):
        if 1 <= line.level <= 2 and index > start:
            sections.append(_section(lines[start:index]))
            start = index
    if lines:
        sections.append(_section(lines[start:]))
    return Prompt(tuple(sections), unclosed)


def print_prompt(prompt: Prompt) -> str:
    """The text again, byte for byte."""
    return "".join(line.raw for line in prompt.lines)


def _section(lines: list[Line]) -> Section:
    heading = lines[0] if 1 <= lines[0].level <= 2 else None
    body = lines[1:] if heading else lines
    section = Section(heading, tuple(body))
    if not section.is_rules:
        return section
    starts = [index for index, line in enumerate(body) if line.level == 3]
    ends = [*starts, len(body)][1:]
    blocks = tuple(Block(body[start], tuple(body[start + 1 : end])) for start, end in zip(starts, ends, strict=True))
    return Section(heading, tuple(body[: starts[0]] if starts else body), blocks)


def _read_lines(text: str) -> tuple[list[Line], Line | None]:
    lines: list[Line] = []
    opened: Line | None = None
    fence = ""  # the closing mark that is waited for: a fence, or --> of a comment
    # Only \n ends a line, as in an editor; str.splitlines would also cut at form feeds and U+2028.
    pieces = text.split("\n")
    for index, piece in enumerate(pieces):
        raw = piece + ("\n" if index < len(pieces) - 1 else "")
        if not raw:
            continue
        if fence:
            line = Line(raw, index + 1, quiet=True)
            if _closes(piece, fence):
                fence, opened = "", None
        else:
            fence = _opens(piece)
            line = Line(raw, index + 1, quiet=True) if fence else _line(raw, piece.rstrip("\r"), index + 1)
            if fence == "-->" and "-->" in piece:
                fence = ""
            opened = line if fence else None
        lines.append(line)
    return lines, opened


def _opens(text: str) -> str:
    mark = _FENCE.match(text)
    if mark:
        return mark.group(1)
    return "-->" if text.lstrip().startswith("<!--") else ""


def _closes(text: str, fence: str) -> bool:
    if fence == "-->":
        return fence in text
    mark = _FENCE.match(text)
    return mark is not None and mark.group(1).startswith(fence) and not text[mark.end() :].strip()


def _line(raw: str, text: str, number: int) -> Line:
    heading = _HEADING.match(text)
    if heading:
        return Line(raw, number, level=len(heading.group(1)), title=heading.group(2), column=heading.start(2) + 1)
    found = _FIELD.match(text)
    if found:
        return Line(raw, number, name=found.group(1), value=found.group(2), column=found.start(2) + 1)
    return Line(raw, number)
