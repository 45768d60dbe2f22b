"""The markets of the benchmarks: seeded, synthetic, integer won, the same files for every engine.

A market is one folder with `bars.npy`: int64[5, rows, tickers], open, high, low, close (won) and volume
(shares). Prices lie on the coarsest tick grid that KRX has had for shares since 2010-10-04, so they are
valid at every later date and in every market. From one close, the next day stays within 24 %, inside the
price limit of 30 % that holds since 2015-06-15. Every bar trades and none is locked (open = high = low =
close). With such bars engines differ in nothing but their own work.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)

TICK_BOUNDS_WON = np.array([1_000, 5_000, 10_000, 50_000, 100_000, 500_000])
TICK_SIZES_WON = np.array([1, 5, 10, 50, 100, 500, 1_000])

SESSIONS_A_YEAR = 246
SURGE_SHARE = 0.08  # share of bars whose volume is multiplied: what a volume-surge rule looks for


def tick_of(price_won: np.ndarray) -> np.ndarray:
    """The price step in won of the band that holds each price."""
    return TICK_SIZES_WON[np.searchsorted(TICK_BOUNDS_WON, price_won, side="right")]


def on_grid(price_won: np.ndarray) -> np.ndarray:
    """Prices as integers, rounded down to the grid."""
    whole = price_won.astype(np.int64)
    return whole - whole % tick_of(whole)


def whole_market(rows: int, tickers: int, seed: int) -> np.ndarray:
    """Daily bars of many tickers.

    Log prices return slowly to a level of their own (so that 2,500 days stay within 1,000 to 900,000 won),
    share a market factor, have fat tails and volatility that comes in clusters. Volume follows the size of
    the move.

    Returns:
        int64[5, rows, tickers].
    """
    generator = np.random.default_rng(seed)
    level = generator.normal(np.log(20_000), 0.8, tickers).clip(np.log(3_000), np.log(250_000))
    usual_volume = generator.normal(np.log(100_000), 1.0, tickers)
    log_price = level + generator.normal(0, 0.1, tickers)
    variance = np.full(tickers, 1.0)
    bars = np.empty((5, rows, tickers), np.int64)
    for row in range(rows):
        shock = (generator.standard_t(4, tickers) / np.sqrt(2)).clip(-8, 8)
        common = generator.normal(0, 0.008)
        pull = 0.004 * (level - log_price)
        move = (0.02 * np.sqrt(variance) * shock + common + pull).clip(-0.22, 0.20)
        gap = move * generator.uniform(0, 0.6, tickers)
        variance = (0.05 + 0.85 * variance + 0.10 * shock**2).clip(0.2, 6.0)
        open_won = on_grid(np.exp(log_price + gap))
        log_price = (log_price + move).clip(np.log(1_000), np.log(900_000))
        close_won = on_grid(np.exp(log_price))
        highest, lowest = np.maximum(open_won, close_won), np.minimum(open_won, close_won)
        surge = np.where(generator.random(tickers) < SURGE_SHARE, generator.uniform(0.3, 1.5, tickers), 0.0)
        volume = np.exp(usual_volume + 0.25 * np.abs(shock) + surge + generator.normal(0, 0.35, tickers))
        bars[OPEN, row] = open_won
        bars[HIGH, row] = highest + tick_of(highest)
        bars[LOW, row] = lowest - tick_of(lowest - 1)
        bars[CLOSE, row] = close_won
        bars[VOLUME, row] = volume.astype(np.int64) + 1
    return bars


def minute_bars(rows: int, seed: int) -> np.ndarray:
    """Minute bars of one ticker around 70,000 won.

    Returns:
        int64[5, rows, 1].
    """
    generator = np.random.default_rng(seed)
    steps = generator.standard_t(5, rows) * 0.0009
    log_price = np.empty(rows)
    price = np.log(70_000)
    for row, step in enumerate(steps.tolist()):
        price += step + 0.0002 * (np.log(70_000) - price)
        log_price[row] = price
    close_won = on_grid(np.exp(log_price))
    before = np.concatenate(([close_won[0]], close_won[:-1]))
    open_won = before + generator.integers(-1, 2, rows) * tick_of(before)
    highest, lowest = np.maximum(open_won, close_won), np.minimum(open_won, close_won)
    volume = np.exp(generator.normal(np.log(20_000), 0.8, rows)).astype(np.int64) + 100
    bars = np.stack([open_won, highest + tick_of(highest), lowest - tick_of(lowest - 1), close_won, volume])
    return np.ascontiguousarray(bars[:, :, None])


def stored(root: Path, kind: str, rows: int, tickers: int, seed: int = 20260105) -> Path:
    """The folder of a market below `root`; made on first use.

    `kind` is "daily" or "minute" for bars as an array, "sample" for a dataset as `geoul data sample` makes it.
    """
    folder = root / f"{kind}-{tickers}x{rows}-seed{seed}"
    if kind == "sample":
        _sample(folder, rows, tickers, seed)
        return folder
    target = folder / "bars.npy"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        bars = whole_market(rows, tickers, seed) if kind == "daily" else minute_bars(rows, seed)
        unfinished = folder / "bars.unfinished.npy"
        np.save(unfinished, bars)
        unfinished.replace(target)
    return folder


def _sample(folder: Path, rows: int, tickers: int, seed: int) -> None:
    if not (folder / "manifest.json").exists():
        from engine.data.sample import make_sample  # noqa: PLC0415  (the peers' interpreter has no engine)

        make_sample(folder, tickers=tickers, years=max(round(rows / SESSIONS_A_YEAR), 1), seed=seed)


def load_bars(folder: Path) -> np.ndarray:
    """int64[5, rows, tickers], mapped from the file, read-only."""
    return np.load(folder / "bars.npy", mmap_mode="r")


if __name__ == "__main__":
    root, kind, rows, tickers = sys.argv[1:]
    print(stored(Path(root), kind, int(rows), int(tickers)))
