"""The open questions about KIS, asked of a real host on first contact; what is found is written down and used.

Nothing is changed at KIS, but for one order of one share far from the market, which is cancelled at once, and that
only on paper and when asked for. Every answer says what was found and on what grounds; a question that cannot be
answered now stays open and says when it can.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

from brokers.kis.answer import Answer
from brokers.kis.chart_messages import CandleRow, IndexCandleRow, MinuteRow
from brokers.kis.config import KisConfig
from brokers.kis.daily_list import ask_daily_list
from brokers.kis.endpoint import Endpoint
from brokers.kis.environment import LIVE, PAPER
from brokers.kis.errors import KisError
from brokers.kis.findings import Answered, Findings
from brokers.kis.outcome import Delivery, Failure, HttpReply
from brokers.kis.probe_order import probe_order
from brokers.kis.probe_rate import find_rate
from brokers.kis.probe_stream import Heard, StreamListener
from brokers.kis.realtime_fields import (
    BOOK,
    BOOK_NXT,
    BOOK_UNIFIED,
    TABLES,
    TRADE,
    TRADE_NXT,
    TRADE_UNIFIED,
)
from brokers.kis.rest import KisRest
from brokers.kis.subscriptions import Subscription
from engine.clock import Clock
from engine.errors import BadInput
from engine.krx.sessions import is_session, previous_session
from engine.log import redact_text

_RATES = {"live": (3.0, 5.0, 8.0, 10.0, 12.0, 15.0, 18.0, 20.0), "paper": (1.0, 2.0, 3.0, 5.0)}
_LONG_AGO = timedelta(days=700)
_PINGS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    """How far a probe goes.

    Args:
        ticker: what is asked about, and ordered.
        order: send one order and cancel it; paper only.
        listen_seconds: how long the stream is listened to.
        rates: calls a second to try, rising; None = those of the environment; () = do not try.
    """

    ticker: str = "005930"
    order: bool = False
    listen_seconds: float = 30.0
    rates: tuple[float, ...] | None = None


@dataclass(slots=True)
class _Seen:
    """Every answer of a host: what was asked, its status and code."""

    codes: dict[tuple[int, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    texts: dict[str, str] = field(default_factory=dict)

    def note(self, endpoint: Endpoint, delivery: Delivery) -> None:
        if not isinstance(delivery, HttpReply):
            return
        try:
            body = json.loads(delivery.body)
        except ValueError:
            self.codes[delivery.status, "(no JSON)"].add(endpoint.name)
            return
        if isinstance(body, dict) and str(body.get("rt_cd")) != "0":
            code = str(body.get("msg_cd") or body.get("error_code") or body.get("message") or "?")[:16]
            self.codes[delivery.status, code].add(endpoint.name)
            self.texts[code] = str(body.get("msg1") or body.get("error_description") or "").strip()[:80]


class Probe:
    """One probe; `run` yields the answers as they come, and `findings` holds them all afterwards.

    Args:
        config: which host and account.
        clock: tells what day it is.
        sleep: waits that many seconds of the clock's time.
        settings: how far to go.

    Raises:
        BadInput: an order was asked for on live.
    """

    def __init__(
        self, config: KisConfig, clock: Clock, sleep: Callable[[float], None], settings: ProbeSettings | None = None
    ) -> None:
        self.settings = settings or ProbeSettings()
        if self.settings.order and config.world is not PAPER:
            raise BadInput(
                "`geoul kis probe --order` sends orders on paper (모의투자) only. Leave --order out on live."
            )
        self._config, self._clock, self._sleep = config, clock, sleep
        self._seen = _Seen()
        self._most_rows: dict[str, int] = {}
        self._answers: list[Answered] = []
        self._values: dict[str, object] = {}

    def run(self) -> Iterator[Answered]:
        """Every question and its answer."""
        rest = KisRest(self._config, self._clock, sleep=self._sleep, observe=self._seen.note)
        try:
            for question in (self._pages, self._base, self._empty, self._list, self._rate, self._stream):
                try:
                    found = list(question(rest))
                except KisError as error:
                    name = question.__name__.strip("_")
                    found = [self._open(name, "물어볼 수 없었습니다", "could not be asked", str(error))]
                for answered in found:
                    yield self._keep(answered)
            yield self._keep(self._statuses())
        finally:
            rest.close()

    @property
    def findings(self) -> Findings:
        """What has been found so far, for the file."""
        return Findings(
            environment=self._config.environment,
            host=self._config.rest_url,
            probed_at=f"{self._clock.now():%Y-%m-%d %H:%M:%S%z}",
            most_rows=dict(sorted(self._most_rows.items())),
            questions=tuple(self._answers),
            **self._values,  # type: ignore[arg-type]
        )

    # Questions ----------------------------------------------------------------------------------------------

    def _pages(self, rest: KisRest) -> Iterator[Answered]:
        """How many rows an answer without pages holds: it is full if there is more before it."""
        today = self._clock.now().date()
        charts: list[tuple[str, Callable[[date], list[date]]]] = [
            ("inquire_daily_itemchartprice", lambda last: self._days(rest, last)),
            ("inquire_daily_indexchartprice", lambda last: self._index_days(rest, last)),
        ]
        told = []
        for call, ask in charts:
            days = ask(today)
            more = ask(min(days) - timedelta(days=1)) if days else []
            if more:
                self._most_rows[call] = len(days)
            told.append(f"{call} {len(days)}{'' if more else ' (all there are)'}")
        minutes = self._minutes(rest, today)
        told.append(f"inquire_time_itemchartprice {minutes}")
        counts = ", ".join(f"{call} {count}" for call, count in self._most_rows.items())
        if not counts:
            yield self._open(
                "pages", "더 이전의 봉이 없어 알 수 없습니다", "no older bars, so not known", "; ".join(told)
            )
            return
        yield self._said("pages", f"한 번에 오는 행: {counts}", f"rows of one answer: {counts}", "; ".join(told))

    def _base(self, rest: KisRest) -> Iterator[Answered]:
        """Whether the change of a raw day counts from the base price: seen where raw and adjusted prices part."""
        today = self._clock.now().date()
        raw = {row.day: row for row in self._candles(rest, today, "1")}
        adjusted = {row.day: row for row in self._candles(rest, today, "0")}
        days = sorted(set(raw) & set(adjusted))
        for before, day in pairwise(days):
            one, other = raw[before].close * adjusted[day].close, raw[day].close * adjusted[before].close
            is_split = abs(one - other) * 50 > other  # more than rounding
            change = raw[day].change
            if not is_split or change is None:
                continue
            moved = abs(raw[day].close - raw[before].close)
            evidence = f"{day}: close {raw[day].close}, the day before {raw[before].close}, change {change}"
            if abs(change) == moved:
                yield self._said("base", "전일 종가 대비", "the change counts from the last close", evidence)
            else:
                yield self._said("base", "기준가 대비", "the change counts from the base price", evidence)
            return
        yield self._open(
            "base", "분할한 날이 없어 알 수 없습니다", "no day of a split among the bars", f"{len(days)} days"
        )

    def _empty(self, rest: KisRest) -> Iterator[Answered]:
        """What an empty block looks like."""
        today = self._clock.now().date()
        saturday = today - timedelta(days=today.weekday() + 2)
        answer = rest.call("inquire_daily_itemchartprice", self._chart(saturday, saturday + timedelta(days=1), "1"))
        told = [f"chart of a weekend: output2 {_shape(answer.body, 'output2')}"]
        balance = rest.call("inquire_balance")
        told.append(f"balance: output1 {_shape(balance.body, 'output1')}")
        shapes = ", ".join(told)
        yield self._said("empty", f"빈 응답의 모양: {shapes}", f"empty answers: {shapes}", "")

    def _list(self, rest: KisRest) -> Iterator[Answered]:
        """Whether the list of orders has its rows, and what it says of orders that have lapsed."""
        today = self._clock.now().date()
        if self.settings.order:
            key = rest.approval_key().get_secret_value()
            order = probe_order(rest, self._clock, key, self.settings.ticker)
            self._values.update(order.values)
            for name, korean, english, evidence, is_open in order.told:
                yield (self._open if is_open else self._said)(name, korean, english, evidence)
        else:
            for name in ("order_keys", "branch", "notices"):
                yield self._open(name, "모의투자에서 --order로 알아봅니다", "ask with --order on paper", "")
        day = today
        for _ in range(6):
            listed = ask_daily_list(rest, day, self._clock.now())
            if listed.ordered or listed.rows:
                break
            day = previous_session(day)
        else:
            yield self._open("list", "최근 주문이 없습니다", "no orders on the last days", "")
            yield self._open("lapsed", "지난 주문이 없습니다", "no orders of another day", "")
            return
        evidence = f"{day}: {len(listed.rows)} rows, {listed.ordered} shares by the sums"
        self._values["lists_rows"] = bool(listed.rows)
        if listed.rows:
            yield self._said("list", "주문 내역에 행이 있습니다", "the list has its rows", evidence)
        else:
            yield self._said("list", "합계만 있고 행이 없습니다", "sums only, no rows", evidence)
        if day == today:
            yield self._open(
                "lapsed", "내일 다시 알아보세요", "ask again tomorrow", f"{len(listed.rows)} rows of today"
            )
            return
        left = [row for row in listed.rows if row.quantity > row.filled]
        told = ", ".join(f"{row.order_number}: {row.remaining} of {row.quantity} open" for row in left[:3]) or "–"
        yield self._said("lapsed", f"하루 지난 미체결: {told}", f"unfilled orders of another day: {told}", evidence)

    def _rate(self, rest: KisRest) -> Iterator[Answered]:
        """The rate that the host bears."""
        rates = self.settings.rates if self.settings.rates is not None else _RATES[self._config.environment]
        if not rates:
            yield self._open("rate", "재지 않았습니다", "not measured", "")
            return
        values = {"FID_INPUT_ISCD": self.settings.ticker}
        found = find_rate(self._config, self._clock.now(), rates, lambda each: each.attempt("inquire_price", values))
        if found.advised is None:
            yield self._open(
                "rate", "가장 느린 속도도 거절됨", "even the lowest rate was refused", f"{found.refused:g}/s"
            )
            return
        self._values["calls_per_second"] = found.advised
        ended = "–" if found.refused is None else f"EGW00201 at {found.refused:g}/s"
        evidence = f"{found.clean:g}/s without a refusal, {ended}, answered {found.answered:.1f}/s"
        advised = found.advised
        yield self._said("rate", f"초당 {advised:g}건으로 씁니다", f"{advised:g} calls a second are used", evidence)

    def _stream(self, rest: KisRest) -> Iterator[Answered]:
        """Layouts of the stream, and its pings."""
        ticker = self.settings.ticker
        messages = [TRADE, BOOK]
        if self._config.world is LIVE:
            messages += [TRADE_UNIFIED, BOOK_UNIFIED, TRADE_NXT, BOOK_NXT]
        wanted = [Subscription(tr_id, ticker) for tr_id in messages]
        key = rest.approval_key().get_secret_value()
        with StreamListener(self._config.websocket_url, key, wanted) as listener:
            listener.wait(self.settings.listen_seconds)
        heard = listener.heard
        counts = heard.field_counts()
        known = dict(self._values.get("field_counts", {}))  # type: ignore[call-overload]
        self._values["field_counts"] = {**known, **counts}
        yield from self._layouts(heard, counts)
        gaps = [round(after - before, 1) for before, after in pairwise(heard.pings)]
        ended = heard.ended or "–"
        if len(gaps) >= _PINGS - 1:
            longest = max(gaps)
            self._values["silence_seconds"] = round(max(60.0, 3 * longest), 1)
            text = f"{min(gaps):g}–{longest:g}"
            yield self._said("ping", f"PINGPONG 간격 {text}초", f"PINGPONG each {text} seconds", f"ended: {ended}")
        else:
            seconds = f"{self.settings.listen_seconds:g}"
            yield self._open(
                "ping",
                "더 오래(--listen) 들어 보세요",
                "listen longer (--listen)",
                f"{len(heard.pings)} in {seconds} s",
            )

    def _layouts(self, heard: Heard, counts: Mapping[str, int]) -> Iterator[Answered]:
        if not counts:
            refused = ", ".join(f"{name} {code}" for name, code in heard.answers.items()) or heard.ended or "–"
            yield self._open("fields", "장중에 다시 알아보세요", "no record came: ask again in the session", refused)
            return
        told = ", ".join(f"{tr_id} {count}" for tr_id, count in counts.items())
        strange = [
            f"{tr_id} {count}"
            for tr_id, count in counts.items()
            if tr_id in TABLES and count not in TABLES[tr_id].lengths
        ]
        evidence = "; ".join(f"{tr_id} ends in {tail}" for tr_id, tail in heard.tails.items())
        more = f" (처음 보는 길이: {', '.join(strange)})" if strange else ""
        odd = f" (new lengths: {', '.join(strange)})" if strange else ""
        yield self._said("fields", f"필드 수 {told}{more}", f"fields: {told}{odd}", evidence)

    def _statuses(self) -> Answered:
        """Which status each error came with."""
        if not self._seen.codes:
            return self._open("statuses", "오류가 없었습니다", "no error came", "")
        told = "; ".join(
            f"{status} {code} ({', '.join(sorted(calls))})"
            for (status, code), calls in sorted(self._seen.codes.items())
        )
        texts = "; ".join(f"{code}: {text}" for code, text in sorted(self._seen.texts.items()))
        return self._said("statuses", f"HTTP 상태와 코드: {told}", f"status and code: {told}", texts)

    # Calls --------------------------------------------------------------------------------------------------

    def _chart(self, first: date, last: date, raw: str) -> dict[str, str]:
        return {
            "FID_INPUT_ISCD": self.settings.ticker,
            "FID_INPUT_DATE_1": f"{first:%Y%m%d}",
            "FID_INPUT_DATE_2": f"{last:%Y%m%d}",
            "FID_ORG_ADJ_PRC": raw,
        }

    def _candles(self, rest: KisRest, last: date, raw: str) -> tuple[CandleRow, ...]:
        return rest.call("inquire_daily_itemchartprice", self._chart(last - _LONG_AGO, last, raw)).rows(CandleRow)

    def _days(self, rest: KisRest, last: date) -> list[date]:
        return [row.day for row in self._candles(rest, last, "1")]

    def _index_days(self, rest: KisRest, last: date) -> list[date]:
        values = {
            "FID_INPUT_ISCD": "0001",
            "FID_INPUT_DATE_1": f"{last - _LONG_AGO:%Y%m%d}",
            "FID_INPUT_DATE_2": f"{last:%Y%m%d}",
        }
        result = rest.attempt("inquire_daily_indexchartprice", values)
        return [row.day for row in result.rows(IndexCandleRow)] if isinstance(result, Answer) else []

    def _minutes(self, rest: KisRest, today: date) -> str:
        if not is_session(today):
            return "no session today"
        values = {"FID_INPUT_ISCD": self.settings.ticker, "FID_INPUT_HOUR_1": "153000"}
        result = rest.attempt("inquire_time_itemchartprice", values)
        if isinstance(result, Failure):
            return result.code or result.describe("en")
        return str(len(result.rows(MinuteRow)))

    # Answers ------------------------------------------------------------------------------------------------

    def _keep(self, answered: Answered) -> Answered:
        self._answers.append(answered)
        return answered

    def _said(self, name: str, korean: str, english: str, evidence: str, *, is_open: bool = False) -> Answered:
        question = QUESTIONS[name]
        hide = self._config.secrets()
        return Answered(
            name=name,
            question_ko=question[0],
            question_en=question[1],
            finding_ko=redact_text(korean, hide),
            finding_en=redact_text(english, hide),
            evidence=redact_text(evidence, hide),
            is_open=is_open,
        )

    def _open(self, name: str, korean: str, english: str, evidence: str) -> Answered:
        return self._said(name, korean, english, evidence, is_open=True)


QUESTIONS: Mapping[str, tuple[str, str]] = {
    "pages": ("한 번의 응답에 몇 행이 오나", "How many rows does one answer hold?"),
    "base": ("원주가의 전일 대비는 기준가 대비인가", "Does the change of a raw day count from the base price?"),
    "empty": ("빈 응답은 어떤 모양인가", "What does an empty answer look like?"),
    "list": ("주문 내역(output1)에 행이 오나", "Does the list of orders have its rows?"),
    "lapsed": ("날이 바뀐 뒤 미체결 주문은 어떻게 보이나", "What do unfilled orders look like on another day?"),
    "rate": ("초당 몇 건까지 받나", "How many calls a second are borne?"),
    "fields": ("실시간 기록의 필드 수", "How many fields do the records of the stream have?"),
    "stream": ("실시간에 연결되나", "Can the stream be opened?"),
    "ping": ("PINGPONG 간격과 끊김", "How often does PINGPONG come?"),
    "statuses": ("오류마다 HTTP 상태는", "Which status does each error come with?"),
    "order_keys": ("주문 응답의 이름과 번호의 모양", "Keys of the answer to an order, padding of its number"),
    "branch": ("취소에 조직번호(ORGNO)가 필요한가", "Does a cancel need ORGNO?"),
    "notices": ("체결통보가 오나, 얼마나 늦게, 몇 필드", "Do notices come, how late, how many fields?"),
    "rejection": ("주문 거절의 코드와 문구", "Code and text of a refused order"),
}


def _shape(body: Mapping[str, object], block: str) -> str:
    """How an empty block came."""
    content = body.get(block, body.get(block.upper()))
    if block not in body and block.upper() not in body:
        return "absent"
    if content in ([], {}, "", None):
        return json.dumps(content)
    if isinstance(content, list) and all(isinstance(row, dict) and not any(row.values()) for row in content):
        return f"{len(content)} rows of blanks"
    return f"{len(content)} rows" if isinstance(content, list) else "one row"
