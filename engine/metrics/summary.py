"""All figures of one result, computed once; every page and the JSON output are views of `Metrics`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from engine.metrics import trades as trade_figures
from engine.metrics.activity import Costs, exposure, share_invested, turnover
from engine.metrics.attribution import RuleOutcome, attribute
from engine.metrics.curve import Curve, rated_curve
from engine.metrics.drawdown import Fall, deepest_fall, longest_fall
from engine.metrics.ratios import against_benchmark, calmar, sharpe, sortino, volatility
from engine.metrics.returns import (
    Floats,
    PeriodReturn,
    annual_return,
    monthly_returns,
    periods_per_year,
    simple_returns,
    total_return,
)
from engine.metrics.undefined import Figure, Undefined
from engine.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """One stay below a peak.

    Args:
        depth: lowest value against the peak, a ratio below zero.
        peak_session: session of the peak; None when it is the capital before the first session.
        trough_session: session of the lowest value.
        recovery_session: first session at or above the peak again; None while it lasts.
        sessions: sessions from the peak to the recovery, or to the end of the run.
        days: the same in calendar days.
    """

    depth: float
    peak_session: date | None
    trough_session: date
    recovery_session: date | None
    sessions: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Every figure of a backtest. Ratios are plain numbers (0.1 is 10 %), money is won, None is undefined.

    `undefined` holds the reason (a value of `Undefined`) for each figure that is None. Ratios and annual
    figures leave out the warm-up (leading bars before the first order, while windows fill); money and trades
    cover the whole run.
    """

    interval: str
    first_session: date | None
    last_session: date | None
    sessions: int
    warmup_sessions: int
    rated_sessions: int
    periods_per_year: int
    risk_free: float
    initial_equity: float
    final_equity: float

    total_return: float | None
    annual_return: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    best_session: float | None
    worst_session: float | None
    max_drawdown: float | None
    deepest_drawdown: Drawdown | None
    longest_drawdown: Drawdown | None

    benchmark_return: float | None
    benchmark_annual_return: float | None
    benchmark_volatility: float | None
    benchmark_max_drawdown: float | None
    excess_return: float | None
    alpha: float | None
    beta: float | None
    correlation: float | None
    information_ratio: float | None
    tracking_error: float | None

    trades: int
    wins: int
    losses: int
    win_rate: float | None
    win_rate_low: float | None
    win_rate_high: float | None
    profit_factor: float | None
    expectancy: float | None
    mean_trade_return: float | None
    average_win: float | None
    average_loss: float | None
    best_trade: float | None
    worst_trade: float | None
    mean_bars_held: float | None
    median_bars_held: float | None

    closed_positions: int
    closed_pnl: float
    open_positions: int
    open_value: float
    open_pnl: float
    dividends: float
    dividend_tax: float
    distributions: float
    other_pnl: float

    orders: int
    fills: int
    refused: int
    turnover: float | None
    exposure: float | None
    share_invested: float | None
    mean_positions: float | None
    most_positions: int
    bought: float
    sold: float
    fees: float
    stt: float
    rural: float
    slippage: float
    costs: float
    cost_ratio: float | None

    months: tuple[PeriodReturn, ...]
    rules: tuple[RuleOutcome, ...]
    undefined: Mapping[str, str]


def summarize(result: Result, *, risk_free: float = 0.0) -> Metrics:
    """Compute all figures of a result; `risk_free` is a yearly ratio."""
    curve = rated_curve(result)
    figures = _performance(curve, result.interval, risk_free)
    figures |= _trade_figures(result.trades)
    figures |= _activity_figures(result, curve)
    undefined = {name: value.value for name, value in figures.items() if isinstance(value, Undefined)}
    defined = {name: None if isinstance(value, Undefined) else value for name, value in figures.items()}
    return Metrics(**defined, **_facts(result, curve, risk_free), undefined=undefined)  # type: ignore[arg-type]


def _performance(curve: Curve, interval: str, risk_free: float) -> dict[str, Figure]:
    periods = periods_per_year(interval)
    returns, other = simple_returns(curve.equity), simple_returns(curve.benchmark)
    growth = total_return(curve.equity)
    annual = annual_return(growth, curve.years)
    fall = deepest_fall(curve.bar_equity)
    depth: Figure = fall.depth if fall else 0.0
    if not len(returns):
        depth = Undefined.TOO_FEW_SESSIONS
    versus = against_benchmark(returns, other, periods, risk_free)
    market = _benchmark_curve(curve.benchmark)
    market_growth = total_return(market) if len(market) else Undefined.NO_BENCHMARK
    market_fall = deepest_fall(market)
    known_other = simple_returns(market)
    return {
        "total_return": growth,
        "annual_return": annual,
        "volatility": volatility(returns, periods),
        "sharpe": sharpe(returns, periods, risk_free),
        "sortino": sortino(returns, periods, risk_free),
        "calmar": calmar(annual, depth),
        "best_session": float(np.nanmax(returns)) if len(returns) else Undefined.TOO_FEW_SESSIONS,
        "worst_session": float(np.nanmin(returns)) if len(returns) else Undefined.TOO_FEW_SESSIONS,
        "max_drawdown": depth,
        "benchmark_return": market_growth,
        "benchmark_annual_return": annual_return(market_growth, curve.years),
        "benchmark_volatility": (volatility(known_other, periods) if len(market) else Undefined.NO_BENCHMARK),
        "benchmark_max_drawdown": (
            (market_fall.depth if market_fall else 0.0) if len(market) else Undefined.NO_BENCHMARK
        ),
        "excess_return": _difference(growth, market_growth),
        # A few weeks stretched to a year would be an alpha of nothing, as they would be an annual return of nothing.
        "alpha": annual if annual is Undefined.UNDER_A_YEAR else versus.alpha,
        "beta": versus.beta,
        "correlation": versus.correlation,
        "information_ratio": versus.information_ratio,
        "tracking_error": versus.tracking_error,
    }


def _benchmark_curve(benchmark: Floats) -> Floats:
    known = np.flatnonzero(np.isfinite(benchmark))
    return benchmark[known] if len(known) > 1 else np.empty(0)


def _difference(growth: Figure, market: Figure) -> Figure:
    if isinstance(growth, Undefined):
        return growth
    return market if isinstance(market, Undefined) else growth - market


def _trade_figures(trades: pl.DataFrame) -> dict[str, Figure]:
    pnl = _floats(trades["pnl"])
    interval = trade_figures.wilson_interval(int((pnl > 0).sum()), len(pnl))
    low, high = (interval, interval) if isinstance(interval, Undefined) else interval
    return {
        "win_rate": trade_figures.win_rate(pnl),
        "win_rate_low": low,
        "win_rate_high": high,
        "profit_factor": trade_figures.profit_factor(pnl),
        "expectancy": trade_figures.expectancy(pnl),
        "average_win": trade_figures.average_win(pnl),
        "average_loss": trade_figures.average_loss(pnl),
        "mean_trade_return": _of_trades(trades["return"], "mean"),
        "best_trade": _of_trades(trades["return"], "max"),
        "worst_trade": _of_trades(trades["return"], "min"),
        "mean_bars_held": _of_trades(trades["bars_held"], "mean"),
        "median_bars_held": _of_trades(trades["bars_held"], "median"),
    }


def _of_trades(column: pl.Series, statistic: str) -> Figure:
    return float(getattr(column, statistic)()) if len(column) else Undefined.NO_TRADES


def _activity_figures(result: Result, curve: Curve) -> dict[str, Figure]:
    rated = result.equity[curve.warmup_bars :]
    traded = _traded(result.fills)
    positions = _floats(rated["positions"])
    mean_equity = float(curve.bar_equity.mean())
    amount = sum(traded.values())
    return {
        "turnover": turnover(traded["buy"], traded["sell"], mean_equity, curve.years),
        "exposure": exposure(_floats(rated["holdings"]), _floats(rated["equity"])),
        "share_invested": share_invested(positions),
        "mean_positions": float(positions.mean()) if len(positions) else Undefined.TOO_FEW_SESSIONS,
        "cost_ratio": costs_of(result).paid / amount if amount else Undefined.NO_TRADES,
    }


def costs_of(result: Result) -> Costs:
    """What trading cost over the whole run, in won; the cumulative columns of the last row of the equity."""
    last = result.equity.tail(1)
    if not len(last):
        return Costs(fees=0.0, stt=0.0, rural=0.0, slippage=0.0)
    return Costs(
        fees=float(last["fees"].item()),
        stt=float(last["stt"].item()),
        rural=float(last["rural"].item()),
        slippage=float(result.fills["slippage"].sum()),
    )


def _last(result: Result, name: str) -> float:
    """A cumulative column of the equity at the end of the run."""
    return float(result.equity[name][-1]) if len(result.equity) else 0.0


def _traded(fills: pl.DataFrame) -> dict[str, float]:
    sums = dict(fills.group_by("side").agg(pl.col("amount").sum()).iter_rows())
    return {side: float(sums.get(side, 0)) for side in ("buy", "sell")}


def _facts(result: Result, curve: Curve, risk_free: float) -> dict[str, object]:
    trades, positions, costs = result.trades, result.positions, costs_of(result)
    pnl = _floats(trades["pnl"])
    traded = _traded(result.fills)
    final = float(curve.bar_equity[-1])
    closed_pnl, open_pnl = float(pnl.sum()), float(positions["pnl"].sum())
    income = {name: _last(result, name) for name in ("dividends", "dividend_tax", "distributions")}
    of_no_trade = final - float(result.initial_cash) - closed_pnl - open_pnl
    sessions = result.equity["session"]
    return {
        "interval": result.interval,
        "first_session": sessions[0] if len(sessions) else None,
        "last_session": sessions[-1] if len(sessions) else None,
        "sessions": int(sessions.n_unique()),
        "warmup_sessions": int(sessions.n_unique()) - len(curve.sessions),
        "rated_sessions": len(curve.sessions),
        "periods_per_year": periods_per_year(result.interval),
        "risk_free": risk_free,
        "initial_equity": float(result.initial_cash),
        "final_equity": final,
        "deepest_drawdown": _drawdown(deepest_fall(curve.equity), curve),
        "longest_drawdown": _drawdown(longest_fall(curve.equity), curve),
        "trades": len(trades),
        "wins": int((pnl > 0).sum()),
        "losses": int((pnl < 0).sum()),
        "closed_positions": int(trades["closes_position"].sum()),
        "closed_pnl": closed_pnl,
        "open_positions": len(positions),
        "open_value": float(positions["value"].sum()),
        "open_pnl": open_pnl,
        **income,
        "other_pnl": of_no_trade - income["dividends"] - income["distributions"],
        "orders": len(result.orders),
        "fills": len(result.fills),
        "refused": sum(result.refusals.values()),
        "most_positions": int(result.equity["positions"].max() or 0),  # type: ignore[arg-type]
        "bought": traded["buy"],
        "sold": traded["sell"],
        "fees": costs.fees,
        "stt": costs.stt,
        "rural": costs.rural,
        "slippage": costs.slippage,
        "costs": costs.paid,
        "months": monthly_returns(curve.sessions, curve.equity, curve.benchmark),
        "rules": attribute(trades, result.orders, result.rules),
    }


def _drawdown(fall: Fall | None, curve: Curve) -> Drawdown | None:
    if fall is None:
        return None
    start = curve.sessions[fall.peak - 1] if fall.peak else None
    end = curve.sessions[fall.end - 1]
    return Drawdown(
        depth=fall.depth,
        peak_session=start,
        trough_session=curve.sessions[fall.trough - 1],
        recovery_session=None if fall.recovery is None else curve.sessions[fall.recovery - 1],
        sessions=fall.end - fall.peak,
        days=(end - (start or curve.start)) // timedelta(days=1),
    )


def _floats(column: pl.Series) -> Floats:
    return column.cast(pl.Float64).to_numpy()
