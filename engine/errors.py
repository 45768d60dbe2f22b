"""All errors of Geoul. Each message says what is wrong, where, why, and what to do next.

GeoulError
├── BadInput              the user's data, rule, configuration or command is wrong (command line: exit status 2)
│   ├── DataError         a dataset, file, row or column
│   ├── RuleError         a rule of the decision prompt, with line, column and a suggestion
│   ├── ConfigError       a configuration value
│   ├── NotNow            wrong now, perhaps right by itself a little later (command line: exit status 75)
│   └── UnknownDate       a date outside the range for which an exchange rule is verified
├── WorkerLost            a process that computes a part of the work ended by itself, again and again
├── LedgerError           a write to the ledger failed: nothing was recorded, so nothing may be sent
└── BrokenInvariant       Geoul itself is wrong: stop at once (cash identity, terminal order moved, …)

What a venue answers (refused, unknown, unavailable) is a value, not an exception: see `engine.broker`.
"""

from __future__ import annotations


class GeoulError(Exception):
    """Base of all errors that Geoul raises on purpose."""


class BadInput(GeoulError):
    """Something the user gave cannot be used as it is."""


class DataError(BadInput):
    """A dataset, file, row or column cannot be used."""


class ConfigError(BadInput):
    """A configuration value is impossible."""


class NotNow(BadInput):
    """What is wrong may be right by itself a little later, as a full disk or a clock that is not set yet.

    A service starts the program again, which it does not after other bad input.
    """


class UnknownDate(BadInput):
    """A dated exchange rule was asked for outside the range for which it is verified."""


class RuleError(BadInput):
    """A rule does not compile.

    Args:
        message: what is wrong and why, one sentence.
        line: 1-based line in the file the rule came from; 0 when unknown.
        column: 1-based column; 0 when unknown.
        suggestion: what to write instead; empty when there is none.
        rule_id: the rule's id, empty when the rule has none yet.
    """

    def __init__(
        self, message: str, *, line: int = 0, column: int = 0, suggestion: str = "", rule_id: str = ""
    ) -> None:
        self.message, self.line, self.column = message, line, column
        self.suggestion, self.rule_id = suggestion, rule_id
        where = f"line {line}, column {column}: " if line else ""
        rule = f"[{rule_id}] " if rule_id else ""
        hint = f" {suggestion}" if suggestion else ""
        super().__init__(f"{rule}{where}{message}{hint}")


class WorkerLost(GeoulError):
    """A process that computes a part of the work ended by itself, and so did those that replaced it."""


class BrokenInvariant(GeoulError):
    """A fact that must always hold does not; continuing could cost money."""
