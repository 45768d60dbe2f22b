"""A panel and a configuration as the arrays that the step reads."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.config import BacktestConfig, ratio_ppb
from engine.data.panel import DividendTable, Panel
from engine.errors import BadInput
from engine.krx.arrays import exchange_arrays
from engine.krx.costs import dividend_tax_ppb
from engine.krx.instrument_class import instrument_class
from engine.krx.sessions import next_session
from engine.matching import arrays as at
from engine.rules.feature_slots import MarketArrays
from engine.rules.interval import bars_per_year

Int64 = NDArray[np.int64]
EPOCH = datetime.date(1970, 1, 1)
_SLIPPAGE = {"none": at.SLIPPAGE_NONE, "ticks": at.SLIPPAGE_TICKS, "rate": at.SLIPPAGE_RATE, "root": at.SLIPPAGE_ROOT}


@dataclass(frozen=True)
class Exchange:
    """What one market looks like to the step.

    Args:
        panel: the data.
        config: fees, path, limits.
        arrays: the tuple that `engine.matching.step` takes as `market`.
    """

    panel: Panel
    config: BacktestConfig
    arrays: tuple[Any, ...]

    @property
    def dividend_slots(self) -> int:
        """How many dividends of one name may be owed at once."""
        actions = self.arrays[-2]
        return int((actions[actions[:, at.ACTION_KIND] == at.ACTION_ENTITLEMENT, at.ACTION_SLOT] + 1).max(initial=0))

    @property
    def scale(self) -> int:
        """Price units per won."""
        return self.panel.manifest.price_scale

    @property
    def session_number(self) -> NDArray[np.int32]:
        """int32[T]: running number of each bar's session inside the panel."""
        numbers: NDArray[np.int32] = self.arrays[3]
        return numbers

    @property
    def ends_session(self) -> NDArray[np.bool_]:
        """bool[T]: whether a bar is the last of its session."""
        return (self.arrays[4] & at.LAST_OF_SESSION) != 0

    def with_config(self, config: BacktestConfig) -> Exchange:
        """The same market under another configuration."""
        *market, instruments, actions, _ = self.arrays
        if config.limits.restricted != self.config.limits.restricted:
            instruments = instruments.copy()
            instruments[:, at.INSTRUMENT_RESTRICTED] = _restricted(self.panel, config)
        return replace(self, config=config, arrays=(*market, instruments, actions, _config(self.panel, config)))

    def feature_market(self) -> MarketArrays:
        """The same market as the feature graph reads it.

        Raises:
            BadInput: the rows are recorded trades: windows count bars of one length, all instruments side by side.
        """
        panel = self.panel
        if panel.trades_from is not None:
            raise BadInput(
                f"{panel.manifest.name} has recorded trades, and features count bars. Use a strategy without features "
                "on the trades, or bars of them (`geoul data bars`)."
            )
        return MarketArrays(
            bars=panel.bars,
            state=panel.state,
            value=panel.value,
            shares=panel.shares,
            indices=panel.indices,
            ordinal=panel.ordinal,
            session=panel.session,
            closed_at_ns=panel.closed_at_ns,
            first_row=panel.first_row,
            actions=panel.actions,
            price_scale=self.scale,
            bars_per_year=bars_per_year(panel.interval),
        )


def build_exchange(panel: Panel, config: BacktestConfig) -> Exchange:
    """Prepare a panel for the step; cheap, the bars are not copied."""
    starts = np.append(0, np.flatnonzero(panel.session[1:] != panel.session[:-1]) + 1)
    bounds, sizes, venue = _venue(panel.session[starts])
    return Exchange(
        panel=panel,
        config=config,
        arrays=(
            plain(panel.bars),
            plain(panel.state),
            plain(panel.base),
            *_moments(panel, starts),
            venue,
            np.stack([bounds, sizes]),
            _instruments(panel, config),
            _actions(panel),
            _config(panel, config),
        ),
    )


def plain(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only base-class view, so that mapped files and our own arrays are one type to compiled code."""
    view = array.view(np.ndarray)
    view.flags.writeable = False
    return view


def _moments(panel: Panel, starts: Int64) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Running number of each bar's session, and the bits of its moment; `starts` are the first bars of the sessions."""
    session = panel.session
    lengths = np.diff(np.append(starts, len(session)))
    months = session[starts].astype("datetime64[D]").astype("datetime64[M]")
    moment = np.zeros(len(session), dtype=np.uint8)
    moment[starts] = at.FIRST_OF_SESSION | at.EVENTFUL
    moment[starts[1:][months[1:] != months[:-1]]] |= at.FIRST_OF_MONTH
    moment[starts + lengths - 1] |= at.LAST_OF_SESSION
    ended = panel.last_row[panel.delisted_known] + 1
    dividends = panel.dividends
    for eventful in (panel.actions.row, dividends.row, dividends.pay_row, ended):
        moment[eventful[eventful < panel.rows]] |= at.EVENTFUL
    return np.repeat(np.arange(len(starts), dtype=np.int32), lengths), moment


def _venue(sessions: Int64) -> tuple[Int64, Int64, Int64]:
    """Tick bands, their sizes, and int64[S + 1, 6 × VENUE_FIELDS] by session, that after the data included."""
    after = (next_session(EPOCH + datetime.timedelta(days=int(sessions[-1]))) - EPOCH).days
    days = np.append(sessions, after)
    rules = exchange_arrays(days)
    by_day = np.zeros((len(days), 6, at.VENUE_FIELDS), dtype=np.int64)
    by_day[:, :, at.VENUE_TICKS] = rules.tick_table.T
    by_day[:, :, at.VENUE_LIMIT_PCT] = rules.limit_pct.T
    by_day[:, :, at.VENUE_TAX] = rules.tax_ppb[:, :, 0].T
    by_day[:, :, at.VENUE_RURAL] = rules.tax_ppb[:, :, 1].T
    by_day[:, :, at.VENUE_UNIT] = rules.trading_unit.T
    by_day[:, :, at.VENUE_ROUND_BASE] = rules.base_rounded_up.T
    by_day[:, :, at.VENUE_SINGLE_FROM] = rules.single_from_won.T
    by_day[:, :, at.VENUE_MULTIPLE] = rules.multiple_applies.T
    by_day[:, :, at.VENUE_FIRST_DAY] = rules.first_day_rule.T
    percents = (rules.first_day_pct + rules.opening_pct).T  # only one of the two rules holds
    by_day[:, :, at.VENUE_FIRST_LOW], by_day[:, :, at.VENUE_FIRST_HIGH] = percents
    return rules.tick_bounds, rules.tick_sizes, by_day.reshape(len(days), -1)


def _instruments(panel: Panel, config: BacktestConfig) -> Int64:
    table = np.zeros((panel.columns, at.INSTRUMENT_FIELDS), dtype=np.int64)
    known = panel.instruments
    for place, (market, product) in enumerate(known.select("market", "product").iter_rows()):
        table[place, at.INSTRUMENT_CLASS] = int(instrument_class(market or "KOSPI", product or "STOCK"))
    table[:, at.INSTRUMENT_MULTIPLE] = known["multiple"].fill_null(1).to_numpy()
    sectors = sorted(known["sector"].drop_nulls().unique().to_list())
    number = {sector: place for place, sector in enumerate(sectors)}
    table[:, at.INSTRUMENT_SECTOR] = [number.get(sector, -1) for sector in known["sector"].to_list()]
    table[:, at.INSTRUMENT_FIRST] = panel.first_row
    table[:, at.INSTRUMENT_LAST] = panel.last_row
    table[:, at.INSTRUMENT_DELISTED] = panel.delisted_known
    table[:, at.INSTRUMENT_RESTRICTED] = _restricted(panel, config)
    return table


def _restricted(panel: Panel, config: BacktestConfig) -> list[bool]:
    """bool[N]: the names that the configuration never buys."""
    return [ticker in config.limits.restricted for ticker in panel.tickers]


def _actions(panel: Panel) -> Int64:
    """int64[n, ACTION_FIELDS] by row; dividends come before a split of the same day, whose new shares have no part."""
    actions, dividends = panel.actions, panel.dividends
    columns = (actions.row, actions.col, actions.kind, actions.numerator, actions.denominator, actions.cash)
    table = np.zeros((len(actions), at.ACTION_FIELDS), dtype=np.int64)
    for place, column in enumerate(columns):
        table[:, place] = column
    owed = np.zeros((len(dividends), at.ACTION_FIELDS), dtype=np.int64)
    owed[:, at.ACTION_ROW], owed[:, at.ACTION_COL] = dividends.row, dividends.col
    owed[:, at.ACTION_KIND], owed[:, at.ACTION_CASH] = at.ACTION_ENTITLEMENT, dividends.cash
    owed[:, at.ACTION_SLOT] = _slots(dividends)
    inside = dividends.pay_row < panel.rows
    paid = owed[inside]
    paid[:, at.ACTION_ROW], paid[:, at.ACTION_KIND] = dividends.pay_row[inside], at.ACTION_PAYMENT
    for entry in paid:
        entry[[at.ACTION_TAX, at.ACTION_LOCAL_TAX]] = dividend_tax_ppb(panel.session_date(int(entry[at.ACTION_ROW])))
    ranked = [(0, owed), (1, paid), (2, table)]
    everything = np.concatenate([part for _, part in ranked])
    rank = np.concatenate([np.full(len(part), place) for place, part in ranked])
    order = np.lexsort((everything[:, at.ACTION_COL], rank, everything[:, at.ACTION_ROW]))
    return np.ascontiguousarray(everything[order])


def _slots(dividends: DividendTable) -> Int64:
    """A number for each dividend that no other one of its name has while it is owed, as small as possible."""
    slots = np.zeros(len(dividends), dtype=np.int64)
    busy_until: dict[int, list[int]] = {}
    for place in np.lexsort((dividends.row, dividends.col)):
        until = busy_until.setdefault(int(dividends.col[place]), [])
        row = int(dividends.row[place])
        slot = next((number for number, end in enumerate(until) if end < row), len(until))
        until[slot : slot + 1] = [int(dividends.pay_row[place])]
        slots[place] = slot
    return slots


def _config(panel: Panel, config: BacktestConfig) -> Int64:
    scale = panel.manifest.price_scale
    limits, slippage = config.limits, config.slippage
    values = np.zeros(at.CONFIG_FIELDS, dtype=np.int64)
    values[at.CONFIG_RAW] = not panel.manifest.adjusted
    values[at.CONFIG_HIGH_FIRST] = config.path == "high_first"
    values[at.CONFIG_TOUCH] = config.touch
    values[at.CONFIG_PARTICIPATION] = ratio_ppb(config.participation)
    values[at.CONFIG_OPTIMISTIC] = config.funding == "optimistic"
    values[at.CONFIG_FEE : at.CONFIG_FEE + 3] = config.fee_ppb
    values[at.CONFIG_FEE + 3 : at.CONFIG_FEE + 6] = config.fund_fee_ppb
    values[at.CONFIG_COST_STEP] = config.cost_step_won * scale
    values[at.CONFIG_COST_PER_DAY] = config.cost_rounding == "day"
    values[at.CONFIG_SLIPPAGE_KIND] = _SLIPPAGE[slippage.model]
    values[at.CONFIG_SLIPPAGE_SIZE] = int(slippage.size) if slippage.model == "ticks" else ratio_ppb(slippage.size)
    values[at.CONFIG_LATENCY_BARS] = config.latency_bars
    values[at.CONFIG_LATENCY_POINT] = config.latency_points
    values[at.CONFIG_MAX_POSITIONS] = limits.max_positions
    values[at.CONFIG_MAX_WEIGHT] = ratio_ppb(limits.max_position_weight)
    values[at.CONFIG_MAX_GROSS] = ratio_ppb(limits.max_gross_exposure)
    values[at.CONFIG_MAX_ORDER] = limits.max_order_won * scale
    values[at.CONFIG_MIN_ORDER] = limits.min_order_won * scale
    values[at.CONFIG_MIN_SHARE] = ratio_ppb(limits.min_order_share)
    values[at.CONFIG_MAX_DAY_LOSS] = ratio_ppb(limits.max_day_loss or 0.0)
    values[at.CONFIG_MAX_SECTOR] = ratio_ppb(limits.max_sector_weight)
    values[at.CONFIG_HAIRCUT] = ratio_ppb(config.delisting_haircut)
    values[at.CONFIG_ALLOW_MANAGED] = limits.allow_managed
    values[at.CONFIG_ALLOW_WARNED] = limits.allow_warned
    values[at.CONFIG_MAX_BUYS] = limits.max_orders_per_day or 0
    values[at.CONFIG_MAX_DISTANCE] = ratio_ppb(limits.max_price_distance or 0.0)
    values[at.CONFIG_MAX_STREAK] = limits.max_losing_streak or 0
    values[at.CONFIG_STREAK_PAUSE] = limits.losing_streak_pause
    values[at.CONFIG_SCALE] = scale
    values[at.CONFIG_COSTS_ON] = config.costs
    values[at.CONFIG_PAPER] = config.venue == "paper"
    return values
