"""What happens to the names that are watched, as alerts: moves, volume, interruptions, halts, limits, gaps, own fills.

    watch.on_trade(...)  watch.on_state(...)  watch.on_gap(...)      while the stream is read: arithmetic only
    watch.turn()                                                      at the end of a turn: writes what is new

Each alert is told once per step, name and day. What has been told stands in the ledger with the alert itself, so
neither a kill nor a restart tells it again; an own fill is found in the journal, so none is forgotten either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from engine.clock import KST, Clock
from engine.errors import DataError
from engine.krx.instrument_class import InstrumentClass
from engine.krx.price_limit import limits_of
from engine.krx.sessions import is_session, previous_session, session_close, session_open
from engine.ledger.alerts import Urgency, alerts_between, record_alert
from engine.ledger.days import fills_of_day
from engine.ledger.ledger import Ledger
from engine.reports.language import Lang, Text
from engine.trading import monitoring_texts as texts
from engine.trading.volume_profile import VolumeProfile

STEP_PERCENT = 5
INDEX_STEP_PERCENT = 2  # an index moves a fraction of what a name moves
SURGES = (3, 5, 10)  # times the usual volume by this time of day
LONG_GAP = timedelta(seconds=10)
_GAP_EVERY = timedelta(minutes=30)  # gaps of one cause within such a time are one
_PREFIX = "market_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A trade, or a price that is only expected, and where the name stands after it.

    Args:
        ticker: which name.
        time: of the exchange.
        price: won.
        previous_close: won, the base of the day's limits; None if it was not told.
        cumulative_volume: shares of the day.
        is_expected: nothing was traded: the price that an auction would have.
        is_halted: trading of the name stands still.
        is_interrupted: an auction because of a volatility interruption.
    """

    ticker: str
    time: datetime
    price: int
    previous_close: int | None
    cumulative_volume: int
    is_expected: bool = False
    is_halted: bool = False
    is_interrupted: bool = False


@dataclass(frozen=True, slots=True)
class _News:
    urgency: Urgency
    kind: str
    ticker: str
    step: int
    text: str


class MarketWatch:
    """Watches one account's names.

    Args:
        ledger: of the account; alerts go into its outbox.
        clock: of the venue's world.
        profile: usual volumes.
        class_of: the kind of a name, for its price limits.
        tell: is told one line for people at a time.
        lang: of texts.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        profile: VolumeProfile,
        class_of: Callable[[str], InstrumentClass],
        tell: Callable[[str], None],
        lang: Lang = "ko",
    ) -> None:
        self._ledger, self._clock, self._profile = ledger, clock, profile
        self._class_of, self._tell, self._lang = class_of, tell, lang
        self._day: date | None = None
        self._opens = self._closes = clock.now()
        self._told: dict[tuple[str, str], int] = {}  # the highest step by kind and name
        self._fills_told: set[str] = set()
        self._news: list[_News] = []
        self._halted: set[str] = set()
        self._interrupted: set[str] = set()
        self._limits: dict[str, tuple[int, int, int]] = {}  # base, lower, upper
        self._surge_at: dict[str, tuple[int, int]] = {}  # slot, and shares from which on the next step counts
        self._sequence = -1
        self._is_kept = True
        self._trouble = ""

    # While the stream is read -------------------------------------------------------------------------------

    def on_trade(self, seen: Seen) -> None:
        """A trade or an expected price; those of other days are left alone."""
        if seen.time.date() != self._day and not self._begin(seen.time.date()):
            return
        ticker = seen.ticker
        if seen.is_halted or ticker in self._halted:
            self._halt(ticker, seen.is_halted)
        if seen.is_interrupted or ticker in self._interrupted:
            self._interrupt(ticker, seen.is_interrupted and not seen.is_halted)
        if seen.is_expected or seen.price <= 0:
            return
        self._volume(seen)
        if seen.previous_close:
            self._move(ticker, seen.price, seen.previous_close)
            self._limit(ticker, seen.price, seen.previous_close)

    def on_state(self, ticker: str, *, is_halted: bool, is_interrupted: bool) -> None:
        """The market says how a name stands."""
        if not self._begin(self._clock.now().date()):
            return
        self._halt(ticker, is_halted)
        self._interrupt(ticker, is_interrupted and not is_halted)

    def on_index(self, name: str, time: datetime, level: float, change: float) -> None:
        """The level of an index, and its change in points since the session before."""
        if not self._begin(time.date()):
            return
        base = level - change
        percent = change * 100 / base if base > 0 else 0.0
        step = int(abs(percent) // INDEX_STEP_PERCENT)
        if step:
            kind, text = ("rise", texts.INDEX_RISE) if change > 0 else ("fall", texts.INDEX_FALL)
            self._note(Urgency.WARNING, f"{kind}:index", name, step, text, percent=percent, level=level)

    def on_crowding(self, text: str) -> None:
        """More names are wanted than the venue takes: some take turns or wait. Told once a day."""
        if self._begin(self._clock.now().date()):
            self._note(Urgency.INFO, "crowded", "", 1, texts.CROWDED, what=text)

    def on_refusal(self, name: str, text: str) -> None:
        """The venue will not tell us of a name. Told once a day."""
        if self._begin(self._clock.now().date()):
            self._note(Urgency.WARNING, "refused", name, 1, texts.REFUSED, what=text)

    def on_gap(self, cause: str, since: datetime, until: datetime, text: str) -> None:
        """Nothing was heard of some names for a while; only what falls into the session and is long counts."""
        if not self._begin(until.date()):
            return
        heard_of = min(until, self._closes) - max(since, self._opens)
        if heard_of < LONG_GAP:
            return
        step = 1 + (until - self._opens) // _GAP_EVERY
        self._note(Urgency.WARNING, f"gap:{cause}", "", step, texts.GAP, what=text)

    # At the end of a turn -----------------------------------------------------------------------------------

    def turn(self) -> None:
        """Write what is new into the outbox, own fills included, and keep the day's volumes after its close."""
        now = self._clock.now()
        self._begin(now.date())
        if self._day is not None and self._ledger.head.sequence != self._sequence:
            for day in (previous_session(self._day), self._day):
                self._own_fills(day)
            self._sequence = self._ledger.head.sequence
        self._write()
        if now > self._closes and not self._is_kept:
            self._is_kept = True
            self._try(self._profile.keep)

    # The work -----------------------------------------------------------------------------------------------

    def _begin(self, day: date) -> bool:
        """Turn to the day, reading what has been told of it; False where the exchange does not trade that day."""
        if day == self._day:
            return True
        if not is_session(day) or (self._day is not None and day < self._day):
            return False
        self._write()
        if not self._is_kept:
            self._try(self._profile.keep)
        self._day, self._opens, self._closes = day, session_open(day), session_close(day)
        self._told.clear()
        self._fills_told.clear()
        self._limits.clear()
        self._surge_at.clear()
        self._halted.clear()
        self._interrupted.clear()
        self._sequence, self._is_kept = -1, True
        start = datetime.combine(previous_session(day), time(), KST)
        for alert in alerts_between(self._ledger.connection, start, self._clock.now() + timedelta(days=1)):
            values = alert.parameters
            if not alert.code.startswith(_PREFIX):
                continue
            kind, ticker = str(values["kind"]), str(values["ticker"])
            if kind == "fill":
                self._fills_told.add(str(values["fill"]))
            if values["session"] != day.isoformat():
                continue
            self._told[kind, ticker] = max(int(values["step"]), self._told.get((kind, ticker), 0))
            if kind in ("halt", "interruption"):
                (self._halted if kind == "halt" else self._interrupted).add(ticker)
            if kind in ("halt_over", "interruption_over"):
                (self._halted if kind == "halt_over" else self._interrupted).discard(ticker)
        self._try(lambda: self._profile.begin(day))
        return True

    def _move(self, ticker: str, price: int, base: int) -> None:
        difference = price - base
        step = abs(difference) * 100 // (base * STEP_PERCENT)
        if step:
            kind = "rise" if difference > 0 else "fall"
            if step > self._told.get((kind, ticker), 0):
                text = texts.RISE if difference > 0 else texts.FALL
                percent = difference * 100 / base
                self._note(Urgency.WARNING, kind, ticker, step, text, price=price, percent=percent)

    def _limit(self, ticker: str, price: int, base: int) -> None:
        found = self._limits.get(ticker)
        if found is None or found[0] != base:
            day = self._day
            limits = None if day is None else limits_of(base, day, self._class_of(ticker))
            found = (base, 0, 0) if limits is None else (base, limits.lower, limits.upper)
            self._limits[ticker] = found
        # A price beyond the ordinary limits has others (a first day, a leveraged fund), which are not known here.
        if price == found[2]:
            self._note(Urgency.WARNING, "limit_up", ticker, 1, texts.LIMIT_UP, price=price)
        elif price == found[1]:
            self._note(Urgency.WARNING, "limit_down", ticker, 1, texts.LIMIT_DOWN, price=price)

    def _volume(self, seen: Seen) -> None:
        ticker, shares = seen.ticker, seen.cumulative_volume
        slot = self._profile.see(ticker, seen.time, shares)
        self._is_kept = False
        known = self._surge_at.get(ticker)
        if known is not None and known[0] == slot and shares < known[1]:
            return
        usual, told = self._profile.usual(ticker, slot), self._told.get(("volume", ticker), 0)
        never = 1 << 62
        if not usual:
            self._surge_at[ticker] = slot, never
            return
        for step, times in enumerate(SURGES, start=1):
            if shares >= times * usual and step > told:
                told = step
        if told > self._told.get(("volume", ticker), 0):
            times_usual = shares / usual
            self._note(Urgency.INFO, "volume", ticker, told, texts.SURGE, shares=shares, times=times_usual, usual=usual)
        self._surge_at[ticker] = slot, SURGES[told] * usual if told < len(SURGES) else never

    def _halt(self, ticker: str, is_halted: bool) -> None:
        self._turned(self._halted, "halt", ticker, is_halted, texts.HALTED, texts.HALT_OVER)

    def _interrupt(self, ticker: str, is_interrupted: bool) -> None:
        words = texts.INTERRUPTED, texts.INTERRUPTION_OVER
        self._turned(self._interrupted, "interruption", ticker, is_interrupted, *words)

    def _turned(self, are: set[str], kind: str, ticker: str, is_so: bool, begins: Text, ends: Text) -> None:
        """A state that comes and goes: each time is a step of its own."""
        if is_so == (ticker in are):
            return
        count = self._told.get((kind, ticker), 0)
        if is_so:
            are.add(ticker)
            self._note(Urgency.WARNING, kind, ticker, count + 1, begins)
        else:
            are.discard(ticker)
            self._note(Urgency.INFO, f"{kind}_over", ticker, count, ends)

    def _own_fills(self, day: date) -> None:
        for fill in fills_of_day(self._ledger, day):
            if fill.key in self._fills_told:
                continue
            self._fills_told.add(fill.key)
            text = texts.FILLS[fill.side.value](self._lang).format(
                ticker=fill.ticker, quantity=fill.quantity, price=fill.price
            )
            values = {"session": day.isoformat(), "kind": "fill", "ticker": fill.ticker, "step": 1, "fill": fill.key}
            record_alert(self._ledger, Urgency.INFO, f"{_PREFIX}fill", text, values)

    def _note(self, urgency: Urgency, kind: str, ticker: str, step: int, text: Text, **values: object) -> None:
        if step <= self._told.get((kind, ticker), 0):
            return
        self._told[kind, ticker] = step
        said = text(self._lang).format(ticker=ticker, **values)
        self._news.append(_News(urgency, kind, ticker, step, said))

    def _write(self) -> None:
        news: Iterable[_News] = self._news
        self._news = []
        for each in news:
            self._tell(each.text)
            day = self._day.isoformat() if self._day is not None else ""
            values = {"session": day, "kind": each.kind, "ticker": each.ticker, "step": each.step}
            record_alert(self._ledger, each.urgency, f"{_PREFIX}{each.kind.partition(':')[0]}", each.text, values)

    def _try(self, action: Callable[[], None]) -> None:
        """What is usual is a comfort: without its file trading goes on, and surges are not told."""
        try:
            action()
        except DataError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._tell(self._trouble)
                record_alert(self._ledger, Urgency.WARNING, "volumes_unusable", self._trouble)
