"""A report as sections of lines, written as text for chats and as HTML for mail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.reports.language import Lang
from engine.reports.templating import environment

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a section.

    Args:
        text: the line.
        below: a second, fainter line, "" = none.
        tone: "up", "down" or "" for its colour.
    """

    text: str
    below: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Lines under a heading; a section without lines is its heading alone."""

    title: str
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A report.

    Args:
        title: one line, with what it is about.
        headline: the most important figures.
        tone: of the headline.
        sections: the rest.
        sparkline: the growth as a line of blocks; "" = none.
    """

    title: str
    headline: str
    tone: str = ""
    sections: tuple[Section, ...] = ()
    sparkline: str = ""


def as_text(page: Page) -> str:
    """The page below its title, as plain text."""
    lines = [page.headline]
    if page.sparkline:
        lines.append(page.sparkline)
    for section in page.sections:
        lines += ["", f"■ {section.title}"]
        for line in section.lines:
            lines.append(f"- {line.text}")
            lines += [f"  {part}" for part in line.below.splitlines()]
    return "\n".join(lines)


def as_html(page: Page, lang: Lang, picture: str = "") -> str:
    """The page for mail: one column, styles on the elements, no script, nothing from the network.

    Args:
        page: the report; every text of it is escaped.
        lang: of the page.
        picture: name of an attached picture that is shown below the headline, "" = none.
    """
    return environment(TEMPLATES).get_template("mail.html.j2").render(page=page, lang=lang, picture=picture)


def tone_of(value: float | None) -> str:
    """The colour of a gain or a loss."""
    return "" if not value else "up" if value > 0 else "down"


def cut(text: str, most: int) -> str:
    """A text of at most `most` characters.

    >>> cut("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"
