"""A rule that does not compile: what is wrong, where, why, and what to write, in both languages."""

from __future__ import annotations

import unicodedata

from engine.errors import RuleError
from engine.rules.messages import PROBLEMS, Language, Text
from engine.rules.tree import Span


class RuleProblem(RuleError):
    """A rule does not compile.

    Attributes:
        code: the kind of problem, a key of `PROBLEMS`; for tests and for a model that repairs its rule.
        span: the part of the text that is wrong.
        file: where the text came from; empty when it did not come from a file.
        source: the line that `span` points into; empty when unknown.
    """

    def __init__(self, code: str, span: Span | None = None, *, rule_id: str = "", **parameters: object) -> None:
        self.code, self.parameters, self.span = code, parameters, span or Span()
        self.file = self.source = ""
        message, suggestion = self.texts("ko")
        super().__init__(message, line=self.span.line, column=self.span.column, suggestion=suggestion, rule_id=rule_id)

    def texts(self, lang: Language) -> tuple[str, str]:
        """Message and suggestion in one language."""
        values = {
            name: value.in_language(lang) if isinstance(value, Text) else value
            for name, value in self.parameters.items()
        }
        message, suggestion = PROBLEMS[self.code]
        return message.in_language(lang).format(**values), suggestion.in_language(lang).format(**values)

    def of_rule(self, rule_id: str) -> RuleProblem:
        """The same problem, told of a rule."""
        return RuleProblem(self.code, self.span, rule_id=rule_id, **self.parameters).found_in(self.file, self.source)

    def found_in(self, file: str, source: str) -> RuleProblem:
        """Remember the file and the line of text that the problem stands in."""
        self.file, self.source = file, source
        return self

    def in_language(self, lang: Language) -> str:
        """One sentence: rule, place, what, why and what to write."""
        message, suggestion = self.texts(lang)
        place = ""
        if self.line:
            place = f"{self.line}줄 {self.column}칸: " if lang == "ko" else f"line {self.line}, column {self.column}: "
        file = f"{self.file}: " if self.file else ""
        rule = f"[{self.rule_id}] " if self.rule_id else ""
        return f"{file}{rule}{place}{message} {suggestion}".rstrip()

    def report(self, lang: Language) -> str:
        """The sentence, the line of text, and a mark below the part that is wrong."""
        sentence = self.in_language(lang)
        return f"{sentence}\n{pointer(self.source, self.span)}" if self.source else sentence

    def __str__(self) -> str:
        return self.report("ko")

    def __reduce__(self) -> tuple[object, ...]:
        return (
            _rebuild,
            (self.code, self.span, self.rule_id, self.parameters),
            {"file": self.file, "source": self.source},
        )


def pointer(source: str, span: Span) -> str:
    """A line of text with ^ below a part of it; Korean letters are two cells wide on a terminal."""
    start = max(span.column - 1, 0)
    end = span.end_column - 1 if span.end_line == span.line else start + 1
    marked = source[start : max(end, start + 1)]
    return f"    {source}\n    {' ' * _cells(source[:start])}{'^' * max(_cells(marked), 1)}"


def _cells(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)


def _rebuild(code: str, span: Span, rule_id: str, parameters: dict[str, object]) -> RuleProblem:
    """Unpickle a problem that crossed a process."""
    return RuleProblem(code, span, rule_id=rule_id, **parameters)
