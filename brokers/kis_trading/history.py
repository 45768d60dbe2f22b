"""The bars that an account's decisions look at: a dataset in its folder, kept up to date from KIS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

from brokers.kis.download import update_dataset
from brokers.kis.rest import KisRest
from engine.clock import Clock
from engine.data.panel import Panel, load_panel
from engine.errors import BadInput, ConfigError
from engine.krx.instrument_class import InstrumentClass, instrument_class
from engine.krx.sessions import offset_session, previous_session
from engine.rules.lookback import lookback_bars
from engine.rules.tree import RuleSet
from engine.rules.walk import rule_expressions

_LEAST = 60  # sessions: the index's mean and volatility look back on 20
_SPARE = 10


class KisHistoryFolder:
    """The dataset of an account, kept up to date from KIS.

    Args:
        folder: of the dataset.
        rest: asks KIS.
        clock: tells which sessions are finished.
        tickers: names; None = those of the dataset.
        sessions: how many to begin with.
        progress: is told what is being fetched.
    """

    def __init__(
        self,
        folder: Path,
        rest: KisRest,
        clock: Clock,
        tickers: Sequence[str] | None,
        sessions: int,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._folder, self._rest, self._clock = folder, rest, clock
        self._tickers, self._sessions, self._progress = tickers, sessions, progress
        self._known: tuple[date, Panel] | None = None
        self.classes: dict[str, InstrumentClass] = {}
        self.calendar: Mapping[
            date, bool
        ] = {}  # days on which KIS's calendar differs from ours, and whether it is open

    def bring_up(self) -> Panel:
        """Fetch what is missing, and map the whole history."""
        wanted = self._clock.now()
        is_new = not (self._folder / "manifest.json").is_file()
        if is_new and not self._tickers:
            raise BadInput("Which names? The first start needs --ticker, --universe or --data.")
        start = offset_session(previous_session(wanted.date()), -self._sessions) if is_new else None
        summary = update_dataset(
            self._folder, self._rest, self._clock, self._tickers if is_new else None, start, progress=self._progress
        )
        self.calendar = summary.calendar
        if self._known is None or self._known[0] != summary.last:
            panel = load_panel(self._folder, allow_gaps=True)
            kinds = zip(panel.tickers, panel.instruments["market"], panel.instruments["product"], strict=True)
            self.classes = {ticker: instrument_class(market, product) for ticker, market, product in kinds}
            self._known = summary.last, panel
        return self._known[1]

    def last_session(self) -> date:
        """The last finished session, brought up."""
        panel = self.bring_up()
        return panel.session_date(panel.rows - 1)

    def class_of(self, ticker: str) -> InstrumentClass:
        """Instrument class, for the estimate of costs."""
        return self.classes.get(ticker, InstrumentClass.KOSPI_STOCK)


def sessions_needed(rules: RuleSet) -> int:
    """Sessions of history that the rules look back on, and some more.

    Raises:
        ConfigError: the rules count other bars than a day's.
    """
    if rules.interval != "1d":
        raise ConfigError(
            f"The rules count bars of {rules.interval} (주기). Trading on the timetable follows daily bars: use 1d."
        )
    longest = max((lookback_bars(node) for rule in rules.rules for node in rule_expressions(rule)), default=0)
    return max(longest, _LEAST) + _SPARE
