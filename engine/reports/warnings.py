"""Reasons to trust a result less, as full sentences.

A run reports its own warnings as codes; those that follow from the data and the figures are added here, so
that no report can forget them. The sentences are in `warnings.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from engine.metrics.summary import Metrics
from engine.reports.language import Lang, Text
from engine.result import Result, RunWarning

Weight = Literal["serious", "note"]
FEW_TRADES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningText:
    """The sentence of one code; `{name}` stands for a parameter of the warning."""

    weight: Weight
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownWarning:
    """One warning as a reader sees it."""

    code: str
    weight: Weight
    sentence: str


@cache
def warning_texts() -> Mapping[str, WarningText]:
    """Every code that has a sentence, in the order of importance."""
    table = tomllib.loads(Path(__file__).with_name("warnings.toml").read_text(encoding="utf-8"))
    return {code: WarningText(weight=row["weight"], text=Text(row["ko"], row["en"])) for code, row in table.items()}


def all_warnings(result: Result, metrics: Metrics) -> tuple[RunWarning, ...]:
    """Warnings of the run and those that follow from its data and figures; each code once, serious first."""
    found = {warning.code: warning for warning in result.warnings}
    for warning in _derived(result, metrics):
        found.setdefault(warning.code, warning)
    order = list(warning_texts())
    return tuple(
        sorted(
            found.values(),
            key=lambda warning: (
                _text_of(warning.code).weight != "serious",
                order.index(warning.code) if warning.code in order else len(order),
            ),
        )
    )


def show_warnings(warnings: tuple[RunWarning, ...], lang: Lang) -> tuple[ShownWarning, ...]:
    """Each warning as a sentence."""
    return tuple(
        ShownWarning(
            code=warning.code,
            weight=_text_of(warning.code).weight,
            sentence=sentence(warning, lang),
        )
        for warning in warnings
    )


def sentence(warning: RunWarning, lang: Lang) -> str:
    """The sentence of one warning; a code that has none yet is shown with its parameters, not dropped.

    >>> sentence(RunWarning("few_trades", {"count": 3}), "en")[:46]
    'Only 3 trades were closed. With fewer than 30,'
    """
    if warning.code not in warning_texts():
        details = ", ".join(f"{key} = {_plain(value)}" for key, value in sorted(warning.parameters.items()))
        return f"{warning.code} ({details})" if details else warning.code
    return _text_of(warning.code).text(lang).format_map(_Parameters(warning.parameters))


def is_synthetic(result: Result) -> bool:
    """Whether the prices were made up; every page must say so."""
    return bool(result.data.get("synthetic")) or any(item.code == "synthetic" for item in result.warnings)


def _derived(result: Result, metrics: Metrics) -> list[RunWarning]:
    found = []
    if is_synthetic(result):
        found.append(RunWarning("synthetic"))
    found += _of_the_data(result)
    if metrics.trades < FEW_TRADES:
        found.append(RunWarning("few_trades", {"count": metrics.trades}))
    if metrics.undefined.get("annual_return") == "under_a_year":
        found.append(RunWarning("short_run", {"sessions": metrics.rated_sessions}))
    if metrics.rated_sessions and metrics.undefined.get("benchmark_return") == "no_benchmark":
        found.append(RunWarning("no_benchmark"))
    gain = metrics.final_equity - metrics.initial_equity
    if gain > 0 and metrics.open_pnl > gain / 2:
        profit = f"₩{round(metrics.open_pnl):,}"
        found.append(RunWarning("open_profit", {"profit": profit, "count": metrics.open_positions}))
    unresolved = result.positions.filter(result.positions["unresolved"])["ticker"].to_list()
    if unresolved:
        found.append(RunWarning("unresolved_tickers", {"count": len(unresolved), "tickers": unresolved}))
    found += [RunWarning(code) for code, assumed in _generous_assumptions(result, metrics).items() if assumed]
    return found


def _of_the_data(result: Result) -> list[RunWarning]:
    """What the manifest of the dataset says or cannot say."""
    found = []
    adjusted, columns, gaps, notes = (result.data.get(key) for key in ("adjusted", "columns", "gaps", "notes"))
    if isinstance(notes, (list, tuple)) and any(
        isinstance(note, Mapping) and note.get("code") == "close_only" for note in notes
    ):
        found.append(RunWarning("close_only"))
    if adjusted:
        found.append(RunWarning("adjusted_prices"))
    if isinstance(columns, (list, tuple)):
        if "status" not in columns:
            found.append(RunWarning("status_from_prices"))
        # Adjusted data have no price limits, so a missing base price changes nothing there.
        if "base_price" not in columns and not adjusted:
            found.append(RunWarning("no_base_price"))
    if isinstance(gaps, (list, tuple)) and gaps:
        sessions = sum(int(gap["sessions"]) for gap in gaps if isinstance(gap, Mapping))
        found.append(RunWarning("data_gaps", {"count": len(gaps), "sessions": sessions}))
    if result.data.get("dividends"):
        found.append(RunWarning("dividends_used", {"count": result.data["dividends"]}))
    elif not is_synthetic(result):
        found.append(RunWarning("price_return"))
    return found


def _generous_assumptions(result: Result, metrics: Metrics) -> dict[str, bool]:
    """Settings of the run under which it trades better than an account could."""
    config = result.config
    slippage = config.get("slippage")
    return {
        "no_slippage": isinstance(slippage, Mapping) and slippage.get("model") == "none",
        "funding_optimistic": config.get("funding") == "optimistic",
        "touch_fills": config.get("touch") is True,
        "no_costs": config.get("costs") is False or (metrics.fills > 0 and metrics.costs == 0),
        "no_participation_limit": config.get("participation") == 0,
        "path_high_first": config.get("path") == "high_first",
        "paper_on_daily_bars": config.get("venue") == "paper" and result.interval == "1d",
    }


def _text_of(code: str) -> WarningText:
    return warning_texts().get(code, WarningText(weight="serious", text=Text(code, code)))


class _Parameters(dict[str, str]):
    """Parameters as text; one that the run did not give becomes a dash."""

    def __init__(self, parameters: Mapping[str, object]) -> None:
        super().__init__({key: _plain(value) for key, value in parameters.items()})

    def __missing__(self, key: str) -> str:
        return "–"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        shown = ", ".join(str(item) for item in value[:8])
        return f"{shown}, …" if len(value) > 8 else shown
    return str(value)
