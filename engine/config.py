"""Configuration of a run: one frozen object, built at the edge and passed down."""

from __future__ import annotations

import difflib
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from engine.errors import ConfigError
from engine.instrument import TICKER

PPB = 1_000_000_000
_FIRST_LIMITS = frozenset(
    {
        "max_positions",
        "max_position_weight",
        "max_sector_weight",
        "max_gross_exposure",
        "max_order_won",
        "min_order_won",
        "min_order_share",
        "max_day_loss",
        "allow_managed",
    }
)


class Slippage(BaseModel):
    """How much worse than the path's price an order that takes liquidity trades.

    Args:
        model: none; ticks: `size` ticks; rate: `size` as a share of the price (0.001 = 10 basis points);
            root: `size` × sqrt(quantity / volume of the bar) as a share of the price.
        size: parameter of the model, 0 for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Literal["none", "ticks", "rate", "root"] = "none"
    size: float = Field(default=0.0, ge=0.0, le=100.0)

    @model_validator(mode="after")
    def _size_fits_model(self) -> Slippage:
        if self.model == "ticks" and self.size != int(self.size):
            raise ValueError(f"slippage of {self.size} ticks: ticks are whole numbers")
        if self.model in ("rate", "root") and self.size > 1.0:
            raise ValueError(f"slippage of {self.size:.0%} of the price: give a share such as 0.001")
        return self


class RiskLimits(BaseModel):
    """Hard limits of the account. Rules tighten them, nothing loosens them.

    Args:
        max_positions: names held and pending.
        max_position_weight: share of equity in one name.
        max_sector_weight: share of equity in one sector; names of unknown sector form one sector.
        max_gross_exposure: share of equity in holdings and open purchases.
        max_order_won: money in one order.
        min_order_won: money in one purchase; a smaller one is refused.
        min_order_share: a purchase that sector, gross exposure or cash leave less than this share of what the limits of
            its name and of one order allow is refused, so that the last of the cash takes no place in the portfolio.
            0 = none. Sells are never refused for their size.
        max_day_loss: share of yesterday's closing equity; when it is lost, purchases stop for the session. None = none.
        allow_managed: buy administrative issues (관리종목).
        allow_warned: buy issues under an investment warning (투자주의환기종목).
        restricted: tickers that are never bought.
        max_price_distance: how far the price of a limit or stop purchase may lie from the last one, either way, as a
            share of it; a price counted from the opening price of the day is measured from there. None = none.
        max_orders_per_day: purchases sent for one session. Sells have a larger bound of their own. None = none.
        max_losing_streak: consecutive losing positions; when so many have been closed, open purchases are cancelled and
            none is sent for the rest of the session and `losing_streak_pause` more. Until a position closes with a
            profit every further loss does the same. None = none.
        losing_streak_pause: sessions without purchases after the one in which the streak was reached.

    Only where orders leave in real time, paper and live; a backtest and a replay leave them aside:
        max_orders_per_minute: purchases sent in any 60 seconds. None = none.
        max_exits_per_minute, max_exits_per_day: sells sent, a fuse against a loop that runs away: a sell beyond them
            waits, and an alert is raised. None = five times the bound of purchases.
        max_data_age_seconds: no purchase after so long without a trade from the stream in the session. None = none.
        max_plan_age_minutes: no purchase so long after its decision was made. None = none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_positions: int = Field(default=20, ge=1, le=10_000)
    max_position_weight: float = Field(default=1.0, gt=0.0, le=1.0)
    max_sector_weight: float = Field(default=1.0, gt=0.0, le=1.0)
    max_gross_exposure: float = Field(default=1.0, gt=0.0, le=1.0)
    max_order_won: int = Field(default=10**15, ge=1, le=10**15)
    min_order_won: int = Field(default=0, ge=0, le=10**15)
    min_order_share: float = Field(default=0.1, ge=0.0, le=1.0)
    max_day_loss: float | None = Field(default=None, gt=0.0, le=1.0)
    allow_managed: bool = False
    allow_warned: bool = True
    restricted: tuple[str, ...] = ()
    max_price_distance: float | None = Field(default=None, gt=0.0, le=1.0)
    max_orders_per_day: int | None = Field(default=None, ge=1, le=1_000_000)
    max_losing_streak: int | None = Field(default=None, ge=1, le=1_000)
    losing_streak_pause: int = Field(default=1, ge=1, le=1_000)
    max_orders_per_minute: int | None = Field(default=None, ge=1, le=100_000)
    max_exits_per_minute: int | None = Field(default=None, ge=1, le=1_000_000)
    max_exits_per_day: int | None = Field(default=None, ge=1, le=10_000_000)
    max_data_age_seconds: int | None = Field(default=None, ge=1, le=86_400)
    max_plan_age_minutes: int | None = Field(default=None, ge=1, le=10_000)

    @field_validator("restricted", mode="before")
    @classmethod
    def _tickers_are_texts(cls, value: Any) -> Any:
        """YAML reads 000660 without quotes as a number, and an octal one at that."""
        for ticker in value if isinstance(value, list | tuple) else ():
            if not isinstance(ticker, str) or not TICKER.fullmatch(ticker):
                raise ValueError(f'{ticker!r} is no ticker: write six characters in quotes, such as "005930"')
        return value

    @model_validator(mode="after")
    def _limits_agree(self) -> RiskLimits:
        """Limits that cannot both be meant are refused, not reconciled."""
        if self.min_order_won > self.max_order_won:
            raise ValueError(
                f"min_order_won {self.min_order_won:,} is more than max_order_won {self.max_order_won:,}: "
                "nothing could be bought"
            )
        if self.max_losing_streak is None and "losing_streak_pause" in self.model_fields_set:
            raise ValueError("losing_streak_pause without max_losing_streak: give the number of losses that pauses")
        _require_order(self, "max_orders_per_minute", "max_orders_per_day")
        _require_order(self, "max_exits_per_minute", "max_exits_per_day")
        _require_order(self, "max_orders_per_minute", "max_exits_per_minute")
        _require_order(self, "max_orders_per_day", "max_exits_per_day")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_off(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Limits that came later appear only where they are set: what was configured before keeps its hash."""
        return {
            name: value
            for name, value in plain(self).items()
            if name in _FIRST_LIMITS or getattr(self, name) != type(self).model_fields[name].default
        }


def _require_order(limits: RiskLimits, smaller: str, larger: str) -> None:
    """Of two bounds that are both given the second must not be below the first."""
    low, high = getattr(limits, smaller), getattr(limits, larger)
    if low is not None and high is not None and low > high:
        raise ValueError(f"{smaller} {low:,} is more than {larger} {high:,}: the first could never be reached")


class BacktestConfig(BaseModel):
    """Everything beside rules and data that decides a backtest.

    Args:
        cash_won: money on the first day.
        venue: krx takes orders from the opening auction on; paper is KIS's paper account (모의투자), which takes them
            from the opening price on, so that an order meets the first price after its acceptance.
        path: order in which the extremes of a bar are visited; low_first hurts a holder.
        touch: a limit order fills when the path touches it, not only when it goes beyond.
        participation: share of a bar's volume that all our orders of a name may take together; 0 = no limit.
        funding: strict reserves cash when a purchase is sent; optimistic lets sells of the same auction fund it.
        costs: charge fees and taxes.
        fee_ppb: commission of both sides in parts per billion of the amount (140,527 = 0.0140527 %).
        fund_fee_ppb: the same for ETF, ETN and ELW.
        cost_step_won: fees and taxes are rounded down to this many won.
        cost_rounding: rounded per order or on the sums of a day.
        slippage: price model of orders that take liquidity.
        latency_bars: bars that pass before an order reaches the exchange.
        latency_points: path points of its first bar that an order misses.
        delisting_haircut: share of the last price that is lost when a name is delisted.
        benchmark: index of the dataset to compare with.
        limits: hard limits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cash_won: int = Field(default=100_000_000, ge=1, le=10**15)
    venue: Literal["krx", "paper"] = "krx"
    path: Literal["low_first", "high_first"] = "low_first"
    touch: bool = False
    participation: float = Field(default=0.1, ge=0.0, le=1.0)
    funding: Literal["strict", "optimistic"] = "strict"
    costs: bool = True
    fee_ppb: int = Field(default=140_527, ge=0, le=PPB // 10)
    fund_fee_ppb: int = Field(default=146_527, ge=0, le=PPB // 10)
    cost_step_won: Literal[1, 10] = 1
    cost_rounding: Literal["order", "day"] = "order"
    slippage: Slippage = Slippage()
    latency_bars: int = Field(default=0, ge=0, le=1_000)
    latency_points: int = Field(default=0, ge=0, le=3)
    delisting_haircut: float = Field(default=1.0, ge=0.0, le=1.0)
    benchmark: str = "KOSPI"
    limits: RiskLimits = RiskLimits()


def ratio_ppb(ratio: float) -> int:
    """A configured share as parts per billion."""
    return round(ratio * PPB)


def build_config(values: dict[str, object], where: str = "the command line") -> BacktestConfig:
    """Validate configuration values.

    Raises:
        ConfigError: an impossible value, naming the key, the value and what is allowed.
    """
    try:
        return BacktestConfig.model_validate(values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            key = ".".join(str(part) for part in problem["loc"]) or "configuration"
            told = _unknown_key(problem["loc"]) if problem["type"] == "extra_forbidden" else problem["msg"]
            lines.append(f"{key} = {problem['input']!r}: {told}")
        raise ConfigError(
            f"Impossible configuration in {where}:\n  " + "\n  ".join(lines) + "\nChange these values and run again."
        ) from None


def _unknown_key(place: tuple[int | str, ...]) -> str:
    """What to write instead of a key that does not exist."""
    parts: dict[str, type[BaseModel]] = {"limits": RiskLimits, "slippage": Slippage}
    keys = list(parts.get(str(place[0]), BacktestConfig).model_fields)
    near = difflib.get_close_matches(str(place[-1]), keys, n=1)
    return "there is no such key; " + (f"did you mean {near[0]}?" if near else f"the keys are {', '.join(keys)}")


class _StrictLoader(yaml.SafeLoader):
    """YAML without keys given twice, of which the last would win unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [key for place, key in enumerate(keys) if key in keys[:place]]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice[0]} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def load_config(path: Path) -> dict[str, object]:
    """Read a YAML file of configuration values.

    Raises:
        ConfigError: the file is missing, is no YAML, or is not a mapping.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_StrictLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"The configuration {path} cannot be read: {why}.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(
            f"The configuration {path} must be a mapping of keys to values, such as `cash_won: 50000000`."
        )
    return content
