"""Placebo worlds: markets made from a real one in which nothing can be predicted, for testing the gate itself.

Two kinds, both seeded and both with the names, dates, listings and halts of the source:

`PERMUTED` moves blocks of sessions to other places, in the same order for every name. What happens on one day stays
together, so the cross section, the volumes and each name's mean return are those of the source; what takes longer than
a block to unfold is torn apart. What is shorter than a block survives, and a rule that merely holds more still earns
the drift of the market.

`FLIPPED` leaves every session where it is and tosses two coins for each block, the same for every name: one multiplies
the way from close to open by -1 or +1, the other the way from open to close. Sizes of both ways, volumes, clusters of
volatility and the cross section of a day stay. With blocks of one session the direction of what comes next is a coin
toss whatever is known at a close or at an open. Longer blocks keep the direction inside them.

Inside a session it must be a coin toss too, or a rule that acts at a price level could know something: whether gaps are
closed, or how often a price that has reached a stop comes back, which depends on how far the highs and lows of the
source lie from its opens and closes. So a flipped session has highs and lows of its own. Every name goes its way from
open to close as a Brownian motion does that is stopped when it has come as far as the close, on either side; the same
one for all names. Its furthest point on the other side, as a share of that way, is above m with probability
(1 - m) / (1 + m). Ranges of such sessions are narrower than those of the market, and each closes at one end.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from engine.data.manifest import Manifest
from engine.data.notes import Note
from engine.data.panel import CLOSE, OPEN, SPLIT, ActionTable, Panel, State, freeze
from engine.errors import BadInput
from engine.krx.arrays import exchange_arrays
from engine.krx.instrument_class import InstrumentClass, instrument_class
from engine.krx.tables.price_limits import MULTIPLE_APPLIES
from engine.research.placebo_kernels import follow

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

INTERVALS = ("1d", "1w")
FUNDS = (InstrumentClass.ETF, InstrumentClass.ETN)
# Bars on these rows belong to the life of the name, and no limits hold there: they stay where they are.
BOUND = int(State.FIRST_DAY | State.LIQUIDATION)


class PlaceboKind(StrEnum):
    """How a world is made."""

    PERMUTED = "permuted"
    FLIPPED = "flipped"


# Sessions in a block. A week keeps the calm and the storm of a few days together; a coin is tossed every session.
DEFAULT_BLOCK = {PlaceboKind.PERMUTED: 5, PlaceboKind.FLIPPED: 1}


@dataclass(frozen=True, slots=True)
class Tosses:
    """What the coins said, by row of the source.

    Args:
        gap: bool[T], the way from the close before to the open is mirrored.
        body: bool[T], the way from open to close is mirrored.
        reach: float64[T], how far the session goes to the other side of its open, as a share of its way to the close;
            -1 where bars stay as they are.
    """

    gap: NDArray[np.bool_]
    body: NDArray[np.bool_]
    reach: Floats

    @classmethod
    def none(cls, rows: int) -> Tosses:
        """Every bar as it is."""
        return cls(np.zeros(rows, np.bool_), np.zeros(rows, np.bool_), np.full(rows, -1.0))


def placebo_world(panel: Panel, kind: PlaceboKind, seed: int, *, block: int | None = None) -> Panel:
    """A market of the same shape in which the past says nothing about what comes.

    Returns are taken on adjusted prices: a split or distribution moves the previous close that a bar is measured
    against, and the world has no corporate actions. The overnight gap of a row that the data cannot explain
    (`State.UNTRADABLE`) is left out in the same way, and the row trades. The first row of each name stays as it is and
    begins the path. First days and liquidation trading stay on their rows; a name that was not listed where its market
    session came from takes the sessions that are left over, in the order of the blocks, so every return of its life
    occurs exactly once. Volumes and listed shares are restated to shares of the first row.

    Prices lie on the grid of their new date and inside its limits; what a limit cuts off follows in the next sessions.
    Adjusted data has no grid; the percentage of the limit holds there.

    Args:
        panel: bars of days or weeks; not changed.
        kind: permuted or flipped.
        seed: equal seeds give equal bytes.
        block: sessions (rows) in a block; see `DEFAULT_BLOCK`.

    Raises:
        BadInput: a negative seed, a block shorter than one session or as long as the data, or bars of minutes.
    """
    length = DEFAULT_BLOCK[kind] if block is None else block
    _check(panel, seed, length)
    generator = np.random.default_rng([seed, list(PlaceboKind).index(kind)])
    order, tosses = np.arange(panel.rows), Tosses.none(panel.rows)
    blocks = _blocks(generator, panel.rows, length)
    if kind is PlaceboKind.PERMUTED:
        order[1:] = np.concatenate([blocks[place] for place in generator.permutation(len(blocks))])
    else:
        tosses = _toss(generator, panel.rows, blocks)
    factor = _share_factors(panel)
    bars, state, base, value = _follow(panel, order, tosses, factor)
    return Panel(
        bars=freeze(bars),
        state=freeze(state),
        base=freeze(base),
        value=None if value is None else freeze(value),
        shares=_restated_shares(panel, factor),
        closed_at_ns=panel.closed_at_ns,
        session=panel.session,
        ordinal=panel.ordinal,
        tickers=panel.tickers,
        instruments=panel.instruments,
        first_row=panel.first_row,
        last_row=panel.last_row,
        delisted_known=panel.delisted_known,
        indices={name: freeze(index_path(points, order, tosses)) for name, points in panel.indices.items()},
        actions=ActionTable(*(freeze(np.zeros(0, dtype=np.int64)) for _ in range(6))),
        interval=panel.interval,
        manifest=_manifest(panel.manifest, kind, seed, length),
    )


def sources(movable: NDArray[np.bool_], order: Integers) -> Integers:
    """The row that each row takes its bar from; rows that cannot move take their own.

    A row takes what the shared order says where the name has a bar to move there, so that the name stays in step with
    the market. The rows left over take the bars left over, in the shared order. So every movable bar is used once.

    >>> sources(np.array([False, False, True, True, True]), np.array([0, 3, 1, 4, 2])).tolist()
    [0, 1, 3, 4, 2]
    """
    result = np.arange(len(order))
    places = np.flatnonzero(movable)
    wanted = order[places]
    fits = movable[wanted]
    result[places[fits]] = wanted[fits]
    free = movable.copy()
    free[wanted[fits]] = False
    result[places[~fits]] = order[free[order]]
    return result


def index_path(points: Floats, order: Integers, tosses: Tosses) -> Floats:
    """An index whose returns move and flip with the same blocks, to two decimals; float64[4, T], unknown stays so."""
    known = np.isfinite(points[3])
    if known.sum() < 2:
        return points
    first = int(known.argmax())
    movable = known.copy()
    movable[first] = False
    rows = sources(movable, order)
    last_known = np.maximum.accumulate(np.where(known, np.arange(len(known)), 0))
    previous = points[3, np.concatenate([[first], last_known[:-1]])]
    ratios = points[:, rows] / previous[rows]
    ratios = np.where(tosses.reach[rows] >= 0, _tossed(ratios, tosses, rows), ratios)
    steps = np.where(movable, ratios[3], 1.0)
    steps[: first + 1] = 1.0
    level = points[3, first] * np.cumprod(steps)
    before = np.concatenate([[points[3, first]], level[:-1]])
    path = (before * ratios).round(2)
    path[:, ~movable] = np.nan
    path[:, first] = points[:, first]
    return path


def _tossed(ratios: Floats, tosses: Tosses, rows: Integers) -> Floats:
    """Open, high, low and close against the close before, as the coins have them; float64[4, T]."""
    opening, body = ratios[0], ratios[3] / ratios[0]
    opening = np.where(tosses.gap[rows], _mirrored(opening), opening)
    body = np.where(tosses.body[rows], _mirrored(body), body)
    back = opening * _mirrored(1.0 + (body - 1.0) * tosses.reach[rows])
    path = np.stack([opening, back, opening * body])
    return np.stack([opening, path.max(axis=0), path.min(axis=0), path[2]])


def _mirrored(ratios: Floats) -> Floats:
    """As `engine.research.placebo_kernels.mirrored`."""
    return np.where(ratios <= 1.5, 2.0 - ratios, 0.75 / ratios)


def _toss(generator: np.random.Generator, rows: int, blocks: list[Integers]) -> Tosses:
    """Two coins a block, and how far each session goes to the other side."""
    tosses = Tosses.none(rows)
    for block in blocks:
        tosses.gap[block], tosses.body[block] = generator.integers(2, size=2) == 1
    share = generator.random(rows)
    # The furthest point on the other side is above m with probability (1 - m) / (1 + m).
    tosses.reach[:] = (1.0 - share) / (1.0 + share)
    return tosses


def _check(panel: Panel, seed: int, length: int) -> None:
    if seed < 0:
        raise BadInput(f"The seed {seed} is negative. Use 0 or more.")
    if panel.interval not in INTERVALS:
        raise BadInput(
            f"Placebo worlds are made from bars of days or weeks, not of {panel.interval}: minutes of one session "
            f"belong together. Run the placebo test of the rule on daily bars."
        )
    if not 1 <= length < max(panel.rows - 1, 2):
        raise BadInput(
            f"A block of {length:,} sessions out of {panel.rows:,} moves nothing. Take 1 to {max(panel.rows - 2, 1):,}."
        )


def _blocks(generator: np.random.Generator, rows: int, length: int) -> list[Integers]:
    """Rows 1 … T-1 in blocks; the first one is shorter by chance, so that borders differ between worlds."""
    begin = 1 + int(generator.integers(length))
    cuts = np.arange(begin if begin > 1 else begin + length, rows, length)
    return np.split(np.arange(1, rows), cuts - 1)


def _share_factors(panel: Panel) -> Floats:
    """Shares that one share of the first row has become: float64[T, N]."""
    factor = np.ones((panel.rows, panel.columns))
    actions = panel.actions
    for at in np.flatnonzero(actions.kind == SPLIT):
        row, col = actions.row[at], actions.col[at]
        if row > panel.first_row[col]:
            factor[row:, col] *= actions.numerator[at] / actions.denominator[at]
    return factor


def _restated_shares(panel: Panel, factor: Floats) -> Integers | None:
    """Listed shares of each date in shares of the first row; what is unknown stays unknown."""
    if panel.shares is None or not (panel.actions.kind == SPLIT).any():
        return panel.shares
    shares = panel.shares.copy()
    for col in np.unique(panel.actions.col[panel.actions.kind == SPLIT]):
        column = shares[:, col]
        shares[:, col] = np.where(column > 0, np.rint(column / factor[:, col]), column)
    return freeze(shares)


def _references(panel: Panel) -> Floats:
    """What each bar is measured against: the close before it, restated; float64[T, N], 0 where there is none."""
    reference = np.zeros((panel.rows, panel.columns))
    reference[1:] = panel.bars[CLOSE, :-1]
    actions = panel.actions
    for row, col, kind, numerator, denominator, cash in zip(
        actions.row, actions.col, actions.kind, actions.numerator, actions.denominator, actions.cash, strict=True
    ):
        if kind == SPLIT:
            reference[row, col] *= denominator / numerator
        elif reference[row, col] > cash:
            reference[row, col] -= cash
    unexplained = (panel.state & State.UNTRADABLE) > 0
    reference[unexplained] = panel.bars[OPEN][unexplained]
    return reference


def _follow(
    panel: Panel, order: Integers, tosses: Tosses, factor: Floats
) -> tuple[Integers, NDArray[np.uint8], Integers, Integers | None]:
    shape = (panel.rows, panel.columns)
    kinds = np.array(
        [
            instrument_class(market or "KOSPI", product or "STOCK")
            for market, product in panel.instruments.select("market", "product").iter_rows()
        ],
        dtype=np.int64,
    )
    rules = exchange_arrays(panel.session)
    bars = np.zeros((5, *shape), dtype=np.int64)
    state = np.zeros(shape, dtype=np.uint8)
    base = np.zeros(shape, dtype=np.int64)
    nothing = np.zeros((0, 0), dtype=np.int64)
    value = nothing if panel.value is None else np.zeros(shape, dtype=np.int64)
    follow(
        panel.bars.view(np.ndarray),
        panel.state.view(np.ndarray),
        panel.base.view(np.ndarray),
        nothing if panel.value is None else panel.value.view(np.ndarray),
        _references(panel),
        factor,
        _source_rows(panel, order),
        tosses.gap,
        tosses.body,
        tosses.reach,
        panel.first_row.view(np.ndarray),
        panel.last_row.view(np.ndarray),
        kinds,
        _leverage(panel, kinds),
        _leverage_applies(panel.session),
        rules.tick_bounds,
        rules.tick_sizes,
        rules.tick_table,
        rules.limit_pct,
        rules.base_rounded_up,
        not panel.manifest.adjusted,
        panel.interval == "1d",
        panel.manifest.price_scale,
        bars,
        state,
        base,
        value,
    )
    return bars, state, base, None if panel.value is None else value


def _source_rows(panel: Panel, order: Integers) -> NDArray[np.int32]:
    """`sources` of every name: int32[T, N]."""
    rows = np.arange(panel.rows)[:, None]
    movable = (rows > panel.first_row) & (rows <= panel.last_row) & ((panel.state & BOUND) == 0)
    whole = movable[1:].all(axis=0)
    result = np.empty((panel.columns, panel.rows), dtype=np.int32)
    result[whole] = order
    for col in np.flatnonzero(~whole):
        result[col] = sources(np.ascontiguousarray(movable[:, col]), order)
    return np.ascontiguousarray(result.T)


def _leverage(panel: Panel, kinds: Integers) -> Integers:
    """By how much the limit of each name is multiplied: int64[N]."""
    multiple = np.abs(panel.instruments["multiple"].fill_null(1).to_numpy())
    return np.where(np.isin(kinds, FUNDS), np.maximum(multiple, 1), 1).astype(np.int64)


def _leverage_applies(session: Integers) -> NDArray[np.bool_]:
    # The row number is -1 before the first fund, which picks the appended False.
    applies = np.array([*(entry.value for entry in MULTIPLE_APPLIES.rows), False], dtype=np.bool_)
    return applies[MULTIPLE_APPLIES.row_numbers(session)]


def _manifest(source: Manifest, kind: PlaceboKind, seed: int, length: int) -> Manifest:
    """A description of its own, so that nobody takes the world for the market or its hash for the dataset's."""
    made = f"placebo {kind.value} block={length} seed={seed}"
    remark = Note(
        code="placebo",
        ko=f"{source.name}(으)로 만든 위약 시장입니다({made}). 실제 시세가 아니며 예측할 수 있는 것이 없습니다",
        en=f"placebo world made from {source.name} ({made}): not real prices, and nothing in it can be predicted",
    )
    return source.model_copy(
        update={
            "name": f"{source.name} placebo {kind.value} seed={seed}",
            "source": (f"{source.name} {source.content_hash}", made),
            "synthetic": True,
            "dividends": 0,  # the world has none: they would tell the ex-dates of the market it was made from
            "notes": (remark,),
            "files": {},
            "content_hash": hashlib.sha256(f"{source.content_hash} {made}".encode()).hexdigest(),
        }
    )
