"""The HTML report of one backtest: a view of `Result` and `Metrics`, with no calculation of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from engine.metrics.returns import Floats
from engine.metrics.summary import Metrics, summarize
from engine.reports import format as show
from engine.reports.charts import Line, drawdown_picture, equity_picture, exposure_picture
from engine.reports.cutoff_view import cutoff_view
from engine.reports.figures import figure_groups, figure_named
from engine.reports.flips_view import flips_view
from engine.reports.histogram import return_histogram
from engine.reports.language import Lang
from engine.reports.page import PageOptions, keep_page, render_page
from engine.reports.points import Points, picture_points
from engine.reports.rows import (
    MOST_TRADES,
    cost_rows,
    data_notes,
    flat,
    month_names,
    month_rows,
    position_rows,
    rule_rows,
    tone,
    trade_rows,
)
from engine.reports.texts import refusal, status, undefined
from engine.reports.trades_file import write_trades
from engine.reports.warnings import all_warnings, is_synthetic, show_warnings
from engine.result import Result


def write_report(
    result: Result, path: Path, *, options: PageOptions | None = None, metrics: Metrics | None = None
) -> tuple[Path, ...]:
    """Write the report and, if it cannot show all trades, all of them as CSV beside it.

    Returns:
        The files written, the report first.
    """
    options = options or PageOptions()
    trades_path = path.with_name(f"{path.stem}-trades.csv")
    page = render_report(result, options=options, metrics=metrics, trades_file=trades_path.name)
    keep_page(page, path)
    if len(result.trades) <= MOST_TRADES:
        return (path,)
    write_trades(result.trades, trades_path)
    return path, trades_path


def render_report(
    result: Result,
    *,
    options: PageOptions | None = None,
    metrics: Metrics | None = None,
    trades_file: str = "",
) -> str:
    """The page as text. The same result and options give the same bytes."""
    options = options or PageOptions()
    metrics = metrics or summarize(result)
    lang = options.lang
    title = options.title or title_of(result, lang)
    view = _head(result, metrics, options) | _curves(result, metrics, lang) | _tables(result, metrics, lang)
    view |= _trades(result, metrics, lang, trades_file)
    return render_page("report.html.j2", view, options, title=title, synthetic=is_synthetic(result))


def title_of(result: Result, lang: Lang) -> str:
    """The strategy or the prompt that ran, else a plain word."""
    for key in ("strategy", "prompt"):
        if result.config.get(key):
            return str(result.config[key])
    return "백테스트" if lang == "ko" else "Backtest"


def benchmark_name(result: Result) -> str:
    """The index the result is compared with."""
    return str(result.config.get("benchmark") or "KOSPI")


def _head(result: Result, metrics: Metrics, options: PageOptions) -> dict[str, object]:
    lang = options.lang
    korean = lang == "ko"
    sessions = f"{metrics.rated_sessions:,}"
    warmup = f"{metrics.warmup_sessions:,}"
    facts = [
        (
            "기간" if korean else "Range",
            f"{show.day(metrics.first_session)} ~ {show.day(metrics.last_session)}",
        ),
        ("평가 세션" if korean else "Rated sessions", sessions),
        ("준비 기간" if korean else "Warm-up", f"{warmup}세션" if korean else f"{warmup} sessions"),
        ("주기" if korean else "Interval", metrics.interval),
        ("데이터" if korean else "Data", str(result.data.get("name", show.DASH))),
        ("데이터 해시" if korean else "Data hash", str(result.data.get("content_hash") or show.DASH)[:12]),
        ("결과 해시" if korean else "Result hash", result.result_hash[:12]),
    ]
    if options.prompt_hash:
        facts.insert(-1, ("프롬프트 해시" if korean else "Prompt hash", options.prompt_hash[:12]))
    return {
        "facts": facts,
        "cards": _cards(metrics, lang, benchmark_name(result)),
        "warnings": [
            # The banner on top of the page already says this one.
            warning
            for warning in show_warnings(all_warnings(result, metrics), lang)
            if warning.code != "synthetic"
        ],
    }


def _cards(metrics: Metrics, lang: Lang, benchmark: str) -> list[dict[str, str]]:
    korean = lang == "ko"
    fall = metrics.deepest_drawdown
    fall_text = show.DASH
    if fall:
        days = f"{fall.days:,}일" if korean else f"{fall.days:,} days"
        ongoing = "회복 못 함" if korean else "not recovered"
        fall_text = f"{show.day(fall.trough_session)} · {days}" + ("" if fall.recovery_session else f" · {ongoing}")
    interval = f"{show.percent(metrics.win_rate_low, 0)} ~ {show.percent(metrics.win_rate_high, 0)}"
    exact = "95% 구간" if korean else "95 % interval"
    trades = f"{metrics.trades:,}건" if korean else f"{metrics.trades:,} trades"
    cost = show.percent(metrics.cost_ratio, 2)
    why = _reasons(metrics, lang)
    return [
        _card(
            metrics,
            "total_return",
            lang,
            f"{benchmark} {show.percent(metrics.benchmark_return, signed=True)}",
        ),
        _card(
            metrics,
            "annual_return",
            lang,
            why.get("annual_return") or f"{'변동성' if korean else 'volatility'} {show.percent(metrics.volatility, 1)}",
        ),
        _card(metrics, "max_drawdown", lang, fall_text),
        _card(
            metrics,
            "sharpe",
            lang,
            why.get("sharpe") or f"{'소르티노' if korean else 'Sortino'} {show.number(metrics.sortino)}",
        ),
        _card(
            metrics,
            "final_equity",
            lang,
            f"{'시작' if korean else 'from'} {show.won(metrics.initial_equity, lang)}",
        ),
        _card(metrics, "win_rate", lang, why.get("win_rate") or f"{trades} · {exact} {interval}"),
        _card(
            metrics,
            "profit_factor",
            lang,
            why.get("profit_factor")
            or f"{'거래당' if korean else 'per trade'} {show.won(metrics.expectancy, lang, signed=True)}",
        ),
        _card(metrics, "costs", lang, f"{'거래 금액의' if korean else 'of amount traded'} {cost}"),
    ]


def _card(metrics: Metrics, name: str, lang: Lang, more: str) -> dict[str, str]:
    figure = figure_named(name)
    signed = figure.unit in ("change", "profit")
    return {
        "name": figure.label(lang),
        "value": figure.text(metrics, lang),
        "tone": tone(getattr(metrics, name)) if signed else "",
        "more": more,
    }


def _reasons(metrics: Metrics, lang: Lang) -> Mapping[str, str]:
    return {name: undefined(code, lang) for name, code in metrics.undefined.items()}


def _curves(result: Result, metrics: Metrics, lang: Lang) -> dict[str, object]:
    points = picture_points(result)
    own = "전략" if lang == "ko" else "Strategy"
    lines = [Line(values=points.equity, style="own", label=own)]
    has_benchmark = bool(np.isfinite(points.benchmark).any())
    if has_benchmark:
        lines.append(Line(values=points.benchmark, style="market", label=benchmark_name(result)))
    falls = [Line(values=points.drawdown, style="fall", label=own)]
    return {
        "equity_linear": equity_picture(points, lines, lang, log=False),
        "equity_log": equity_picture(points, lines, lang, log=True),
        "drawdown": drawdown_picture(points, falls, lang),
        "exposure": exposure_picture(points, lang),
        "curve_data": curve_data(points, lines, falls, lang, with_positions=True),
        "fall_notes": fall_notes(metrics, lang),
        "curve_note": _curve_note(points, metrics, lang),
        "has_benchmark": has_benchmark,
        "benchmark_name": benchmark_name(result),
        "warmup": metrics.warmup_sessions > 0,
    }


def _curve_note(points: Points, metrics: Metrics, lang: Lang) -> str:
    thinned = len(points.sessions) < len(points.all_sessions)
    if lang == "ko":
        note = "벤치마크는 평가가 시작되는 날의 자산에 맞춰 그렸으며 배당을 포함하지 않습니다."
        return note + (
            f" {metrics.sessions:,}세션을 고점과 저점이 남도록 {len(points.sessions):,}점으로 그렸습니다."
            if thinned
            else ""
        )
    note = "The benchmark is scaled to the equity at the start of the rated range and has no dividends."
    return note + (
        f" {len(points.sessions):,} points stand for {metrics.sessions:,} sessions; highs and lows are kept."
        if thinned
        else ""
    )


def fall_notes(metrics: Metrics, lang: Lang) -> list[str]:
    """The deepest and the longest drawdown in words."""
    deepest, longest = metrics.deepest_drawdown, metrics.longest_drawdown
    notes = []
    for fall, ko, en in (
        (deepest, "가장 깊은 낙폭", "Deepest drawdown"),
        (longest, "가장 긴 낙폭", "Longest drawdown"),
    ):
        if fall is None or (fall is longest and fall == deepest):
            continue
        depth, trough, end = show.percent(fall.depth), show.day(fall.trough_session), fall.recovery_session
        if lang == "ko":
            start = show.day(fall.peak_session) if fall.peak_session else "시작 자본"
            stop = f"회복 {show.day(end)}" if end else "아직 회복하지 못함"
            length = f"{fall.sessions:,}세션({fall.days:,}일)"
            notes.append(f"{ko}: {depth} · 고점 {start} → 저점 {trough} → {stop} · {length}")
        else:
            start = show.day(fall.peak_session) if fall.peak_session else "initial capital"
            stop = f"recovered {show.day(end)}" if end else "not recovered yet"
            length = f"{fall.sessions:,} sessions ({fall.days:,} days)"
            notes.append(f"{en}: {depth} · peak {start} → trough {trough} → {stop} · {length}")
    return notes


def curve_data(
    points: Points, lines: Sequence[Line], falls: Sequence[Line], lang: Lang, *, with_positions: bool = False
) -> dict[str, object]:
    """What the script shows under the pointer: values for the dots and texts for the box."""
    names = ("낙폭", "투자 비중", "종목 수") if lang == "ko" else ("Drawdown", "Exposure", "Positions")
    series = [{"picture": "linear", "style": line.style, "values": _known(line.values, 0)} for line in lines]
    series += [{"picture": "drawdown", "style": line.style, "values": _known(line.values, 5)} for line in falls]
    rows = [
        {"label": line.label, "texts": [_money_text(value, points, lang) for value in _known(line.values, 0)]}
        for line in lines
    ]
    for line in falls:
        label = names[0] if len(falls) == 1 else f"{names[0]}: {line.label}"
        rows.append({"label": label, "texts": [show.percent(value) for value in _known(line.values, 6)]})
    if with_positions:
        rows.append({"label": names[1], "texts": [show.percent(value, 1) for value in points.exposure.tolist()]})
        rows.append({"label": names[2], "texts": [show.number(value, 0) for value in points.positions.tolist()]})
    return {
        "days": [show.day(session) for session in points.sessions],
        "position": points.position.tolist(),
        "last": max(len(points.all_sessions) - 1, 1),
        "series": series,
        "rows": rows,
    }


def _money_text(value: float | None, points: Points, lang: Lang) -> str:
    if value is None:
        return show.DASH
    change = value / points.start_equity - 1 if points.start_equity else None
    return f"{show.won(value, lang)}  {show.percent(change, signed=True)}"


def _known(values: Floats, digits: int) -> list[float | None]:
    known = np.isfinite(values).tolist()
    return [
        (round(value, digits) if digits else round(value)) if there else None
        for value, there in zip(values.tolist(), known, strict=True)
    ]


def _tables(result: Result, metrics: Metrics, lang: Lang) -> dict[str, object]:
    why = _reasons(metrics, lang)
    groups = [
        {
            "title": group.title(lang),
            "rows": [
                {
                    "label": figure.label(lang),
                    "meaning": figure.meaning(lang),
                    "value": figure.text(metrics, lang),
                    "tone": (tone(getattr(metrics, figure.name)) if figure.unit in ("change", "profit") else ""),
                    "why": why.get(figure.name, ""),
                }
                for figure in group.figures
            ],
        }
        for group in figure_groups()
    ]
    note = (
        "비율과 연율 지표는 준비 기간을 뺀 세션으로, 낙폭은 모든 봉으로 계산합니다. "
        "이름에 포인터를 올리면 정의가 보입니다."
        if lang == "ko"
        else "Ratios and annual figures leave out the warm-up; drawdowns use every bar. "
        "Rest the pointer on a name for its definition."
    )
    counted = result.orders["status"].value_counts(sort=True).sort(["count", "status"], descending=[True, False])
    return {
        "months": month_rows(metrics.months, lang),
        "month_names": month_names(lang),
        "rules": rule_rows(metrics, result.rules, lang),
        "groups": groups,
        "figures_note": note,
        "costs": cost_rows(metrics, lang, result.model_costs),
        "cutoff": cutoff_view(result, lang),
        "flips": flips_view(result, lang),
        "statuses": [(status(name, lang), f"{count:,}") for name, count in counted.iter_rows()],
        "refusals": [
            (refusal(code, lang), f"{count:,}")
            for code, count in sorted(result.refusals.items(), key=lambda item: (-item[1], item[0]))
        ],
        "data": flat({key: value for key, value in result.data.items() if key not in ("notes", "gaps")}),
        "data_notes": data_notes(result.data, lang),
        "config": flat(result.config),
        "result_hash": result.result_hash,
    }


def _trades(result: Result, metrics: Metrics, lang: Lang, trades_file: str) -> dict[str, object]:
    returns = result.trades["return"].cast(pl.Float64).to_numpy()
    names = ("win_rate", "profit_factor", "expectancy", "average_win", "average_loss", "mean_bars_held")
    note = ""
    if len(result.trades) > MOST_TRADES:
        shown, total = f"{MOST_TRADES:,}", f"{len(result.trades):,}"
        note = (
            f"전체 {total}건 가운데 최근 {shown}건입니다. 모든 거래는 이 파일 옆의 {trades_file}에 있습니다."
            if lang == "ko"
            else f"The latest {shown} of {total} trades. All of them are in {trades_file} beside this file."
        )
    return {
        "histogram": return_histogram(returns, lang),
        "trade_facts": [(figure_named(name).label(lang), figure_named(name).text(metrics, lang)) for name in names],
        "trade_note": note,
        "trades": trade_rows(result.trades, lang, result.rules),
        "positions": position_rows(result.positions, lang),
    }
