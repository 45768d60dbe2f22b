"""What a run is about: dataset, days, costs and money. Most commands take these options."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.options import (
    CashOption,
    ConfigOption,
    DataOption,
    FromOption,
    GapsOption,
    ToOption,
    configure,
    day_range,
)

if TYPE_CHECKING:
    from engine.config import BacktestConfig
    from engine.research.workers import PanelSource


@dataclass(frozen=True, kw_only=True)
class MarketOptions:
    """The market that the user means; see the options for each field."""

    data: DataOption = None
    start: FromOption = None
    end: ToOption = None
    config: ConfigOption = None
    cash: CashOption = None
    allow_gaps: GapsOption = False

    def days(self) -> tuple[datetime.date | None, datetime.date | None]:
        """First and last session, None where the data decide. Raises `BadInput` if the first lies after the last."""
        return day_range(self.start, self.end)

    def settings(self) -> BacktestConfig:
        """Costs, limits and money."""
        return configure(self.config, self.cash)

    def folder(self, announce: Callable[[str], None]) -> Path:
        """Folder of the dataset; the synthetic market is made if there is none."""
        from engine.cli.dataset import dataset_folder  # noqa: PLC0415  (loads the compiler: keeps --help fast)

        return dataset_folder(self.data, announce)

    def source(
        self, announce: Callable[[str], None], interval: str | None, tickers: Sequence[str] | None = None
    ) -> PanelSource:
        """How this process and workers find the days that are meant, in bars of an interval."""
        from engine.research.workers import PanelSource  # noqa: PLC0415

        first, last = self.days()
        return PanelSource(
            folder=self.folder(announce),
            start=first,
            end=last,
            tickers=None if tickers is None else tuple(tickers),
            interval=interval,
            allow_gaps=self.allow_gaps,
        )
