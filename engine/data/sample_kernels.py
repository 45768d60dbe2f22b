"""Compiled parts of the synthetic market: one pass over sessions and instruments, by the exchange's own kernels."""

from __future__ import annotations

import numpy as np

from engine.kernel_cache import njit
from engine.krx.arrays import limit_prices, round_down, round_up
from engine.krx.price_limit import issue_limits

# Event codes of one cell [session, instrument].
ABSENT, TRADING, HALTED, FIRST_DAY, LIQUIDATION, CRASH = range(6)
NO_LIMIT = 2**62


@njit
def nearest(price, bounds_row, sizes_row):
    """The grid price nearest to a real number of won, at least the smallest tick."""
    whole = max(np.int64(price), sizes_row[0])
    below = round_down(whole, bounds_row, sizes_row)
    above = round_up(whole + 1, bounds_row, sizes_row)
    return max(above if price - below > above - price else below, sizes_row[0])


@njit
def simulate(
    event,
    first_price,
    numerator,
    denominator,
    cash,
    kind,
    multiple,
    sector,
    market_beta,
    noise,
    turnover,
    shares_at_start,
    market_return,
    sector_return,
    shock,
    gap,
    reach_up,
    reach_down,
    volume_shock,
    tick_bounds,
    tick_sizes,
    tick_table,
    limit_pct,
    first_day_pct,
    multiple_applies,
):
    """Simulate every session of every instrument.

    A latent log price follows market, sector and its own shocks with clustering volatility. Traded prices
    follow it on the grid inside the day's limits; what the limits cut off waits for the next session, which
    makes runs of locked days.

    Shapes: event, numerator, denominator, cash, shock, gap, reach_up, reach_down, volume_shock: (T, N);
    first_price, kind,
    multiple, sector, market_beta, noise, turnover, shares_at_start: (N,); market_return: (T,); sector_return:
        (T, S);
    tick_table, limit_pct: (6, T); first_day_pct: (6, T, 2); multiple_applies: (T,).
    Units: won, shares; returns are logarithmic; noise is a daily standard deviation; turnover a share of all
    shares. Returns: prices int64 (4, T, N) open, high, low, close; volume, base, shares int64 (T, N). Cells
    without a trade have open = high = low = 0 and the close carried; absent cells are 0.
    """
    rows, columns = event.shape
    prices = np.zeros((4, rows, columns), dtype=np.int64)
    volume = np.zeros((rows, columns), dtype=np.int64)
    bases = np.zeros((rows, columns), dtype=np.int64)
    shares = np.zeros((rows, columns), dtype=np.int64)
    close = first_price.copy()
    latent = np.log(first_price.astype(np.float64))
    variance = noise * noise
    last_shock = np.zeros(columns)
    activity = np.zeros(columns)
    count = shares_at_start.copy()
    for t in range(rows):
        for n in range(columns):
            state = event[t, n]
            if state == ABSENT:
                continue
            table = tick_table[kind[n], t]
            bounds_row, sizes_row = tick_bounds[table], tick_sizes[table]
            variance[n] = noise[n] ** 2 * 0.06 + 0.86 * variance[n] + 0.08 * last_shock[n] ** 2
            move = np.sqrt(variance[n]) * shock[t, n]
            # One shock in a fat tail must not blow the variance up for good.
            last_shock[n] = min(max(move, -6.0 * noise[n]), 6.0 * noise[n])
            drift = market_beta[n] * market_return[t] + sector_return[t, sector[n]] + move
            base = close[n]
            if numerator[t, n] != denominator[t, n] or cash[t, n] > 0:
                theoretical = base * denominator[t, n] // numerator[t, n] - cash[t, n]
                base = max(round_up(theoretical, bounds_row, sizes_row), sizes_row[0])
                latent[n] += np.log(base / close[n])
                count[n] = count[n] * numerator[t, n] // denominator[t, n]
            if state == CRASH:
                drift -= 1.4
            if state == HALTED:
                latent[n] += 0.3 * drift
                close[n] = base
                prices[3, t, n] = base
                bases[t, n] = base
                shares[t, n] = count[n]
                continue
            latent[n] += drift
            leverage = multiple[n] if multiple_applies[t] else 1
            lower, upper = limit_prices(base, limit_pct[kind[n], t], leverage, bounds_row, sizes_row)
            if state in (LIQUIDATION, CRASH):
                lower, upper = sizes_row[0], NO_LIMIT
            target = np.exp(latent[n])
            first = base * np.exp(gap[t, n] * (latent[n] - np.log(base)) + 0.25 * noise[n] * reach_up[t, n])
            if state == FIRST_DAY:
                issue = base
                if first_day_pct[kind[n], t, 1] > 0:
                    lower, upper = issue_limits(
                        issue, first_day_pct[kind[n], t, 0], first_day_pct[kind[n], t, 1], bounds_row, sizes_row
                    )
                else:
                    # Before 2023-06-26 the opening price inside 90 % to 200 % of the issue price becomes the
                    # base.
                    opening = min(max(first, issue * 0.9), issue * 2.0)
                    base = nearest(opening, bounds_row, sizes_row)
                    lower, upper = limit_prices(base, limit_pct[kind[n], t], 1, bounds_row, sizes_row)
                    first = base * 1.0
            opened = min(max(nearest(first, bounds_row, sizes_row), lower), upper)
            closed = min(max(nearest(target, bounds_row, sizes_row), lower), upper)
            spread = np.sqrt(variance[n]) * 0.8 * base
            high = nearest(max(opened, closed) + spread * reach_up[t, n], bounds_row, sizes_row)
            low = nearest(max(min(opened, closed) - spread * reach_down[t, n], 1.0), bounds_row, sizes_row)
            high = max(min(high, upper), opened, closed)
            low = min(max(low, lower), opened, closed)
            activity[n] = 0.85 * activity[n] + 0.45 * volume_shock[t, n]
            surprise = abs(drift) / noise[n]
            wanted = count[n] * turnover[n] * np.exp(activity[n] + 0.25 * min(surprise, 8.0) - 0.3)
            # Far beyond the limit nobody trades against the crowd: one price all day, little volume.
            if target > upper * 1.06 or target * 1.06 < lower:
                limit = upper if target > upper else lower
                opened, high, low, closed = limit, limit, limit, limit
                wanted *= 0.08
            latent[n] = min(latent[n], np.log(closed) + 0.35)
            latent[n] = max(latent[n], np.log(closed) - 0.35)
            bases[t, n] = base
            shares[t, n] = count[n]
            amount = np.int64(wanted)
            if amount == 0:
                bases[t, n] = close[n] if state != FIRST_DAY else base
                close[n] = bases[t, n]
                prices[3, t, n] = close[n]
                continue
            volume[t, n] = amount
            prices[0, t, n], prices[1, t, n], prices[2, t, n], prices[3, t, n] = opened, high, low, closed
            close[n] = closed
    return prices, volume, bases, shares


@njit
def chain_index(prices, base, shares, member, start):
    """Capitalisation-weighted index points from the market's own prices.

    Each session's return is the members' value at the price over their value at the base, so splits and new
    listings leave the level alone. High and low assume that the members' extremes overlap by half.

    Shapes: prices (4, T, N); base, shares (T, N); member (N,) bool. Returns: float64 (4, T): open, high, low,
    close.
    """
    rows, columns = base.shape
    points = np.empty((4, rows))
    level = start
    for t in range(rows):
        totals = np.zeros(4)
        before = 0.0
        for n in range(columns):
            if not member[n] or base[t, n] == 0:
                continue
            before += float(base[t, n]) * shares[t, n]
            for k in range(4):
                price = prices[k, t, n] if prices[0, t, n] > 0 else prices[3, t, n]
                totals[k] += float(price) * shares[t, n]
        if before > 0:
            opened, closed = level * totals[0] / before, level * totals[3] / before
            points[0, t], points[3, t] = opened, closed
            points[1, t] = max(opened, closed) + 0.5 * max(level * totals[1] / before - max(opened, closed), 0.0)
            points[2, t] = min(opened, closed) - 0.5 * max(min(opened, closed) - level * totals[2] / before, 0.0)
            level = closed
        else:
            points[:, t] = level
    return points


@njit
def simulate_minutes(
    session,
    weight,
    first_price,
    kind,
    noise,
    busy,
    shock,
    reach,
    volume_shock,
    tick_bounds,
    tick_sizes,
    tick_table,
    limit_pct,
):
    """Minute bars of a few instruments inside the limits of each session.

    Shapes: session (B,): row of the day tables for each bar, not decreasing; weight (B,): share of the day's
    variance in the bar, mean 1; first_price, kind, noise, busy (N,); shock, reach, volume_shock (B, N);
    tick_table, limit_pct (6, T). Units: won, shares; noise is the standard deviation of one average minute,
    busy the volume of one. Returns: prices int64 (4, B, N), volume int64 (B, N).
    """
    bars, columns = shock.shape
    prices = np.zeros((4, bars, columns), dtype=np.int64)
    volume = np.zeros((bars, columns), dtype=np.int64)
    for n in range(columns):
        latent = np.log(float(first_price[n]))
        last = first_price[n]
        heat = 1.0
        lower, upper = first_price[n], first_price[n]
        anchor = latent
        for b in range(bars):
            day = session[b]
            table = tick_table[kind[n], day]
            bounds_row, sizes_row = tick_bounds[table], tick_sizes[table]
            if b == 0 or day != session[b - 1]:
                lower, upper = limit_prices(last, limit_pct[kind[n], day], 1, bounds_row, sizes_row)
            step = noise[n] * np.sqrt(weight[b] * heat) * shock[b, n]
            heat = 0.02 + 0.95 * heat + 0.03 * min(shock[b, n] ** 2, 25.0)
            # A weak pull to where the price began keeps a million bars inside ordinary prices.
            latent += step - 0.000002 * (latent - anchor)
            target = np.exp(latent)
            closed = min(max(nearest(target, bounds_row, sizes_row), lower), upper)
            opened = min(max(last, lower), upper)
            opened = min(max(nearest(opened * 1.0, bounds_row, sizes_row), lower), upper)
            span = noise[n] * np.sqrt(weight[b] * heat) * reach[b, n] * target
            high = min(max(nearest(max(opened, closed) + span, bounds_row, sizes_row), opened, closed), upper)
            low = max(min(nearest(max(min(opened, closed) - span, 1.0), bounds_row, sizes_row), opened, closed), lower)
            prices[0, b, n], prices[1, b, n], prices[2, b, n], prices[3, b, n] = opened, high, low, closed
            volume[b, n] = 1 + np.int64(busy[n] * weight[b] * np.exp(0.6 * volume_shock[b, n]))
            last = closed
    return prices, volume
