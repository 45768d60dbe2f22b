"""What a person should know before the first order: configuration, files, clock, token, account, rights, stream.

Every check says what is wrong and how to mend it, in Korean and English; none shows a key, a token or an account.
Nothing here changes anything at KIS.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from typing import Literal

import numpy as np

from brokers.kis.config import KisConfig, load_kis_config
from brokers.kis.daily_list import ask_daily_list
from brokers.kis.environment import EnvironmentName, is_official
from brokers.kis.errors import CallFailed, CallRefused, KisError
from brokers.kis.messages import BalanceTotals, BuyingPower, PriceQuote
from brokers.kis.private_files import loose_mode
from brokers.kis.rest import KisRest
from brokers.kis.stream_reports import LinkChange, LinkState, SubscriptionRefused
from brokers.kis.subscriptions import Subscription
from brokers.kis.websocket import RealtimeSocket
from engine.clock import Clock
from engine.errors import ConfigError

Sleep = Callable[[float], None]

_SAMSUNG = "005930"
_CLOCK_WARNS = timedelta(seconds=2)
_CLOCK_FAILS = timedelta(seconds=30)
_STREAM_SECONDS = 10.0


class Health(Enum):
    """How a check ended."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    SKIPPED = "skipped"  # something before it failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding.

    Args:
        name: stable: configuration, files, prices, clock, account, rights, list, stream, notices.
        health: how it ended.
        korean, english: what was found.
        mend_korean, mend_english: what to do, "" if nothing.
    """

    name: str
    health: Health
    korean: str
    english: str
    mend_korean: str = ""
    mend_english: str = ""

    def text(self, language: Literal["ko", "en"]) -> tuple[str, str]:
        """What was found and what to do, in one language."""
        return (self.korean, self.mend_korean) if language == "ko" else (self.english, self.mend_english)


def examine(
    environment: EnvironmentName,
    *,
    variables: Mapping[str, str],
    path: Path | None,
    clock_of: Callable[[KisConfig], tuple[Clock, Sleep]],
    options: Mapping[str, object] | None = None,
) -> Iterator[Check]:
    """All checks, one after the other, each as soon as it is done.

    Args:
        environment: "live" or "paper".
        variables: the process's environment variables.
        path: the configuration file; None = the usual places.
        clock_of: the clock to compare with KIS's, and what waits in its time.
        options: as for `load_kis_config`.
    """
    try:
        config = load_kis_config(environment, variables=variables, path=path, options=options)
        clock, sleep = clock_of(config)
    except (ConfigError, KisError) as error:
        yield _bad("configuration", str(error), str(error), "위 항목을 고치세요.", "Mend what the sentence names.")
        yield from (_skipped(name) for name in ("files", "prices", "clock", "account", "rights", "list", "stream"))
        return
    where = "KIS" if is_official(config.rest_url) else config.rest_url
    yield _good("configuration", f"{config.world.korean}, 서버 {where}", f"{config.environment}, server {where}")
    yield from _files(config)
    rest = KisRest(config, clock, sleep=sleep)
    try:
        for check in _calls(rest, clock):
            yield check
            if check.name == "clock" and check.health in (Health.BAD, Health.SKIPPED):
                # No answer, because there is no token, or a clock to which every token has expired: each further call
                # would wait a minute for another one.
                yield from (_skipped(name) for name in ("account", "rights", "list", "stream"))
                return
        yield from _stream(rest, clock)
    finally:
        rest.close()


def _files(config: KisConfig) -> Iterator[Check]:
    loose = list(config.warnings)
    if config.token_folder.is_dir():
        loose += [told for file in sorted(config.token_folder.glob("*.json")) if (told := loose_mode(file))]
    for sentence in loose:
        yield Check(name="files", health=Health.WARNING, korean=sentence, english=sentence)
    if not loose:
        yield _good("files", "키 파일은 본인만 읽을 수 있습니다", "files with keys are their owner's alone")


def _calls(rest: KisRest, clock: Clock) -> Iterator[Check]:
    try:
        quote = rest.call("inquire_price", {"FID_INPUT_ISCD": _SAMSUNG}).maybe(PriceQuote)
        price = f"{quote.price:,}" if quote is not None else "–"
        yield _good(
            "prices", f"토큰을 받고 {_SAMSUNG} 현재가 {price}원을 읽음", f"token and price of {_SAMSUNG}: {price} won"
        )
    except CallRefused as error:
        if error.failure.code == "MCA05918":
            yield _good("prices", "토큰을 받음", "a token was given")
        else:
            yield _failed("prices", error)
    except KisError as error:
        yield _failed("prices", error)
    yield _clock(rest)
    try:
        totals = rest.call("inquire_balance").one(BalanceTotals)
        yield _good(
            "account", f"잔고를 읽음: 예수금 {totals.deposit:,}원", f"the balance can be read: {totals.deposit:,} won"
        )
    except KisError as error:
        yield _failed("account", error)
    try:
        power = rest.call("inquire_psbl_order", {"PDNO": "", "ORD_UNPR": "", "ORD_DVSN": "01"}).one(BuyingPower)
        cash = f"{power.orderable_cash:,}"
        yield _good("rights", f"주문가능금액 {cash}원", f"{cash} won can be ordered")
    except KisError as error:
        yield _failed("rights", error)
    try:
        yield _list(rest, clock.now().date(), clock)
    except KisError as error:
        yield _failed("list", error)


def _clock(rest: KisRest) -> Check:
    difference = rest.clock_difference
    if difference is None:
        return Check(
            name="clock",
            health=Health.SKIPPED,
            korean="서버 시각을 알 수 없어 비교하지 못했습니다",
            english="the server told no time, so the clocks could not be compared",
        )
    seconds = abs(difference.total_seconds())
    korean, english = f"KIS와 {seconds:,.1f}초 차이", f"{seconds:,.1f} seconds from KIS's clock"
    if abs(difference) < _CLOCK_WARNS:
        return _good("clock", korean, english)
    health = Health.BAD if abs(difference) >= _CLOCK_FAILS else Health.WARNING
    return Check(
        name="clock",
        health=health,
        korean=korean,
        english=english,
        mend_korean="컴퓨터 시각을 NTP로 맞추세요. geoul serve에는 --clock world를 쓰세요.",
        mend_english="Set the machine's clock by NTP. With geoul serve use --clock world.",
    )


def _list(rest: KisRest, today: date, clock: Clock) -> Check:
    listed = ask_daily_list(rest, today, clock.now())
    if listed.is_whole:
        count = len(listed.rows)
        return _good("list", f"오늘 주문 {count}건을 읽음", f"the list of today's orders can be read: {count}")
    return Check(
        name="list",
        health=Health.WARNING,
        korean="주문 내역의 합계만 오고 행이 비어 있습니다(모의투자에서 알려진 현상)",
        english="the list has sums and no rows (seen on paper before)",
        mend_korean="체결통보(my_htsid)가 꼭 필요합니다. 응답을 잃은 주문은 통보와 합계로만 찾습니다.",
        mend_english="Notices (my_htsid) are needed: an order whose answer is lost is found by them and by sums alone.",
    )


def _stream(rest: KisRest, clock: Clock) -> Iterator[Check]:
    config = rest.config
    try:
        key = rest.approval_key().get_secret_value()
    except KisError as error:
        yield _failed("stream", error)
        return
    socket = RealtimeSocket(
        url=config.websocket_url,
        approval_key=lambda renew: key,
        clock=clock,
        generator=np.random.default_rng(0),
        settings=config.stream_settings(),
    )
    wanted = (
        Subscription(config.world.fill_stream, config.hts_id.get_secret_value())
        if config.hts_id is not None
        else Subscription("H0STCNT0", _SAMSUNG)
    )
    socket.subscribe([wanted])
    why = ""
    with socket:
        began = time.monotonic()
        while wanted not in socket.registered and time.monotonic() - began < _STREAM_SECONDS:
            item = socket.queue.take(0.1)
            if isinstance(item, SubscriptionRefused):
                why = item.text("ko")
                break
            if isinstance(item, LinkChange) and item.state is LinkState.LOST:
                why = item.why
        registered, connected = wanted in socket.registered, socket.status().sessions > 0
    if not connected or (not registered and config.hts_id is None):
        yield _bad(
            "stream",
            f"실시간에 연결하지 못했습니다 {why}".strip(),
            f"the stream could not be opened {why}".strip(),
            "방화벽과 주소(ops, vops)를 확인하고, 같은 앱키를 쓰는 다른 프로그램을 끝내세요.",
            "Check firewall and address (ops, vops), and end other programs that use this app key.",
        )
        return
    yield _good("stream", "실시간에 연결됨", "the stream is open")
    if config.hts_id is None:
        yield Check(
            name="notices",
            health=Health.WARNING,
            korean="HTS ID가 없어 체결통보를 받을 수 없습니다",
            english="without the HTS id there are no notices of fills",
            mend_korean="my_htsid(또는 KIS_HTS_ID)에 HTS 로그인 ID를 넣으세요.",
            mend_english="Put the login of the HTS into my_htsid (or KIS_HTS_ID).",
        )
    elif registered:
        yield _good("notices", "체결통보가 등록됨", "the notices are registered")
    else:
        yield _bad(
            "notices",
            f"체결통보가 등록되지 않았습니다 {why}".strip(),
            f"the notices could not be registered {why}".strip(),
            "my_htsid가 이 앱키의 HTS ID인지 확인하세요.",
            "Check that my_htsid is the HTS id of this app key.",
        )


def _failed(name: str, error: KisError) -> Check:
    if isinstance(error, CallFailed):
        korean, english = error.failure.describe("ko"), error.failure.describe("en")
    else:
        korean = english = str(error)
    return _bad(name, korean, english)


def _good(name: str, korean: str, english: str) -> Check:
    return Check(name=name, health=Health.GOOD, korean=korean, english=english)


def _bad(name: str, korean: str, english: str, mend_korean: str = "", mend_english: str = "") -> Check:
    return Check(
        name=name,
        health=Health.BAD,
        korean=korean,
        english=english,
        mend_korean=mend_korean,
        mend_english=mend_english,
    )


def _skipped(name: str) -> Check:
    return Check(name=name, health=Health.SKIPPED, korean="확인하지 못함", english="not checked")
