"""Options that belong together are declared once, as the fields of a dataclass, and given to a command as one value."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature
from typing import Any, get_type_hints

Command = Callable[..., None]


def spread(command: Command) -> Command:
    """What Typer shall see of a command: each parameter that is a dataclass becomes its fields, as options.

    Args:
        command: groups stand behind `*`; a group's `__post_init__` may raise `BadInput`.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Days:
    ...     first: int = 1
    ...     last: int = 9
    >>> @spread
    ... def show(name: str, *, days: Days) -> None:
    ...     print(name, days.last - days.first)
    >>> str(inspect.signature(show))
    '(name: str, *, first: int = 1, last: int = 9) -> None'
    >>> show("week", last=7)
    week 6
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {}
    shown: list[Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        if is_dataclass(kind):
            groups[parameter.name] = kind
            shown += _options(kind)
        else:
            shown.append(parameter.replace(annotation=kind))

    @wraps(command)
    def run(*given: Any, **named: Any) -> None:
        for name, kind in groups.items():
            values = {each.name: named.pop(each.name) for each in fields(kind) if each.name in named}
            named[name] = kind(**values)
        command(*given, **named)

    seen: Any = run
    seen.__signature__ = Signature(shown, return_annotation=None)
    seen.__annotations__ = {each.name: each.annotation for each in shown}
    del seen.__wrapped__  # or Typer would look up the types of what it wraps
    return run


def _options(group: Any) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(each.name, Parameter.KEYWORD_ONLY, default=_default(each), annotation=hints[each.name])
        for each in fields(group)
    ]


def _default(field: Field[Any]) -> Any:
    return Parameter.empty if field.default is MISSING else field.default
