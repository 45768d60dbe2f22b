"""A strategy in Python from the command line: `path.py`, or `path.py:ClassName` where a file has several."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from engine.errors import BadInput, GeoulError, RuleError
from engine.rules.annotate import annotate
from engine.rules.parse import parse_expression
from engine.rules.tree import Scope
from engine.strategy import Strategy


def load_strategy(source: str) -> Strategy:
    """Import the file, find its strategy, check its features and make one.

    Args:
        source: path of a Python file, with `:ClassName` where it defines more than one strategy.

    Raises:
        BadInput: no such file, an error while it is imported, no such class or none or several, a class that cannot be
            made without arguments, or a feature that does not compile.
    """
    path, name = _parts(source)
    if not path.is_file():
        raise BadInput(
            f"There is no strategy file {path}. Give a Python file with a subclass of engine.strategy.Strategy, such "
            "as strategies/moving_average_cross.py."
        )
    kind = _chosen(_strategies(_imported(path)), path, name)
    _check_features(kind, path)
    try:
        return kind()
    except Exception as error:
        raise BadInput(
            f"{path}: {kind.__name__}() cannot be made: {_told(error, path)}. A strategy is made without arguments: "
            "give every parameter of its __init__ a default, or make it an attribute of the class."
        ) from error


@contextmanager
def errors_of(kind: type[Strategy]) -> Iterator[None]:
    """While a strategy runs: an error that arises in its file is the user's, and told with the line.

    Raises:
        BadInput: in place of the error. One that does not pass through the file is raised as it is.
    """
    path = Path(inspect.getfile(kind))
    try:
        yield
    except GeoulError:
        raise
    except Exception as error:
        if not _lines(error, path):
            raise
        raise BadInput(
            f"{path}: {kind.__name__} stopped with {_told(error, path)}. Correct the strategy and run again."
        ) from error


def _parts(source: str) -> tuple[Path, str]:
    """Path and class name; a colon that belongs to the path (a drive, a folder) is not a separator."""
    path, colon, name = source.rpartition(":")
    if colon and name.isidentifier() and path.endswith(".py"):
        return Path(path), name
    return Path(source), ""


def _imported(path: Path) -> ModuleType:
    """Run the file as a module of its own; what it imports must be installed or part of Geoul."""
    name = f"geoul_strategy_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadInput(f"{path} is no Python file: its name must end in .py. A prompt is given without --strategy.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class up by its module's name
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script that ends itself would end the command without a word
        del sys.modules[name]
        raise BadInput(f"{path} cannot be imported: {_told(error, path)}. Correct the file and run again.") from error
    return module


def _strategies(module: ModuleType) -> dict[str, type[Strategy]]:
    """The subclasses that the file itself defines, in its order; those it imports are not meant."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, Strategy) and value.__module__ == module.__name__
    }


def _chosen(found: dict[str, type[Strategy]], path: Path, name: str) -> type[Strategy]:
    if not found:
        raise BadInput(
            f"{path} defines no strategy. Write `class Mine(Strategy):` with `from engine.strategy import Strategy`."
        )
    names, first = ", ".join(found), next(iter(found))
    if name:
        if name not in found:
            raise BadInput(f"{path} defines no strategy {name}; it has {names}. Write --strategy {path}:{first}.")
        return found[name]
    if len(found) > 1:
        raise BadInput(f"{path} defines several strategies: {names}. Name one: --strategy {path}:{first}.")
    return found[first]


def _check_features(kind: type[Strategy], path: Path) -> None:
    for name, text in kind.features.items():
        where = f"{path}: feature {name!r} of {kind.__name__}"
        try:
            scope = annotate(parse_expression(text)).scope
        except RuleError as error:
            raise BadInput(f"{where}, `{text}`: {error}") from None
        if scope > Scope.MARKET:
            raise BadInput(
                f"{where}, `{text}`, looks at the account or at a bar still to come. A feature may use prices, "
                "volumes, indices and the calendar; ask the view for holdings, cash and equity."
            )


def _told(error: BaseException, path: Path) -> str:
    """Kind and words of an error, with the line of the user's file in which it arose."""
    lines = [error.lineno] if isinstance(error, SyntaxError) else _lines(error, path)
    place = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {getattr(error, 'msg', error)}{place}"


def _lines(error: BaseException, path: Path) -> list[int | None]:
    """Lines of the file that the error passed through, the innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.lineno for frame in frames if Path(frame.filename).resolve() == path.resolve()]
