"""Calls against a real HTTP server on loopback: what is repeated, what is not, and what each failure becomes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from brokers.kis.answer import Answer, answer_body
from brokers.kis.codes import Handling
from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.errors import (
    BadAnswer,
    CallFailed,
    CallRefused,
    CallUnavailable,
    CallUnknown,
    NotInPaper,
    WrongEnvironment,
)
from brokers.kis.messages import BalanceRow, BalanceTotals, OrderAnswer, PriceQuote
from brokers.kis.outcome import Failure, FailureKind, Mishap
from brokers.kis.rest import KisRest
from engine.errors import BadInput, ConfigError
from tests.scripted_kis import (
    ACCOUNT,
    APP_KEY,
    APP_SECRET,
    EXPIRED,
    LIVE_ACCOUNT,
    LIVE_KEY,
    TOKEN_PATH,
    TOO_FAST,
    TOO_SOON,
    Reply,
    ScriptedKis,
    SharedClock,
    good,
    make_kis_config,
    make_rest,
    said,
    scripted_kis,
)

ORDER_PATH = ENDPOINTS["order_cash"].path
BALANCE_PATH = ENDPOINTS["inquire_balance"].path
PRICE_PATH = ENDPOINTS["inquire_price"].path
ORDER = {"PDNO": "005930", "ORD_DVSN": "00", "ORD_QTY": "10", "ORD_UNPR": "71000"}
QUOTE = {"FID_INPUT_ISCD": "005930"}
ACCEPTED = good(output={"KRX_FWDG_ORD_ORGNO": "00950", "ODNO": "5612", "ORD_TMD": "101138"})
PRICED = good(output={"stck_shrn_iscd": "005930", "stck_prpr": "71000", "acml_vol": "1"})


@pytest.fixture
def clock() -> SharedClock:
    return SharedClock()


@pytest.fixture
def host(clock: SharedClock) -> Iterator[ScriptedKis]:
    with scripted_kis(clock) as running:
        yield running


@pytest.fixture
def rest(tmp_path: Path, host: ScriptedKis, clock: SharedClock) -> Iterator[KisRest]:
    made = make_rest(tmp_path, host, clock)
    yield made
    made.close()


def failure(result: Answer | Failure) -> Failure:
    assert isinstance(result, Failure)
    return result


def test_an_order_carries_account_keys_token_and_tr_id(rest: KisRest, host: ScriptedKis) -> None:
    host.on(ORDER_PATH, ACCEPTED)
    answer = rest.attempt("order_cash", ORDER, variant="buy")
    assert isinstance(answer, Answer)
    assert answer.one(OrderAnswer).order_number == "5612"
    (seen,) = host.asked(ORDER_PATH)
    assert seen.values == {"CANO": ACCOUNT, "ACNT_PRDT_CD": "01", **ORDER, "EXCG_ID_DVSN_CD": "KRX"}
    assert seen.tr_id == "VTTC0012U" and seen.method == "POST"
    assert seen.headers["authorization"] == f"Bearer {host.issued[0]}"
    assert (seen.headers["appkey"], seen.headers["appsecret"]) == (APP_KEY, APP_SECRET)
    assert (seen.headers["custtype"], seen.headers["tr_cont"]) == ("P", "")
    assert seen.headers["content-type"] == "application/json; charset=utf-8"
    assert seen.headers["user-agent"] == "Mozilla/5.0"


def test_a_caller_cannot_name_another_account(rest: KisRest, host: ScriptedKis) -> None:
    host.on(ORDER_PATH, ACCEPTED)
    rest.attempt("order_cash", {**ORDER, "CANO": "99999999"}, variant="sell")
    (seen,) = host.asked(ORDER_PATH)
    assert (seen.values["CANO"], seen.tr_id) == (ACCOUNT, "VTTC0011U")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(reset=True), FailureKind.UNKNOWN),
        (Reply(cut=True, body=b'{"rt_cd":"0"'), FailureKind.UNKNOWN),
        (Reply(body=b"<html>502</html>", status=502), FailureKind.UNKNOWN),
        (Reply(body=b'{"rt_cd":"0","output":{"ODNO'), FailureKind.UNKNOWN),
        (said("EGW00302", status=500), FailureKind.UNKNOWN),
        (said("EGW00002", status=500), FailureKind.UNKNOWN),
        (Reply(status=307, headers={"Location": "/elsewhere"}), FailureKind.UNKNOWN),
        (EXPIRED, FailureKind.UNAVAILABLE),
        (said("40240000"), FailureKind.REFUSED),
        (said("APBK0952", rt_cd="7"), FailureKind.REFUSED),
        (said("EGW02006", status=500), FailureKind.REFUSED),
    ],
)
def test_an_order_is_sent_once_whatever_comes_back(
    rest: KisRest, host: ScriptedKis, reply: Reply, kind: FailureKind
) -> None:
    host.on(ORDER_PATH, reply)
    result = failure(rest.attempt("order_cash", ORDER, variant="buy"))
    assert result.kind is kind
    assert len(host.asked(ORDER_PATH)) == 1
    assert not host.asked("/elsewhere")


def test_an_order_without_an_answer_in_time_is_unknown(tmp_path: Path, host: ScriptedKis, clock: SharedClock) -> None:
    rest = make_rest(tmp_path, host, clock, read_seconds=0.2)
    host.on(ORDER_PATH, Reply(silent=True))
    result = failure(rest.attempt("order_cash", ORDER, variant="buy"))
    assert (result.kind, result.mishap) == (FailureKind.UNKNOWN, Mishap.READ_TIMEOUT)
    with pytest.raises(CallUnknown, match="Do not send it again"):
        rest.call("order_cash", ORDER, variant="buy")
    rest.close()


def test_an_order_to_a_host_that_is_gone_is_unavailable(rest: KisRest, host: ScriptedKis) -> None:
    host.on(PRICE_PATH, PRICED)
    rest.call("inquire_price", QUOTE)  # so that a token is at hand
    host.close()
    result = failure(rest.attempt("order_cash", ORDER, variant="buy"))
    assert result.kind is FailureKind.UNAVAILABLE
    assert result.mishap is Mishap.NO_CONNECTION


def test_an_order_without_a_token_is_unavailable_and_not_sent(rest: KisRest, host: ScriptedKis) -> None:
    host.on(TOKEN_PATH, Reply(body=b"<html>", status=503))
    result = failure(rest.attempt("order_cash", ORDER, variant="buy"))
    assert result.kind is FailureKind.UNAVAILABLE and not host.asked(ORDER_PATH)


def test_an_order_that_was_too_fast_is_sent_again_because_the_order_system_never_saw_it(
    rest: KisRest, host: ScriptedKis, clock: SharedClock
) -> None:
    host.on(ORDER_PATH, TOO_FAST, TOO_FAST, ACCEPTED)
    before = clock.now()
    assert isinstance(rest.attempt("order_cash", ORDER, variant="buy"), Answer)
    assert len(host.asked(ORDER_PATH)) == 3
    assert clock.now() - before >= timedelta(seconds=0.3)  # 0.1 and 0.2 of backing off


def test_an_order_that_stays_too_fast_is_given_up_as_not_sent(rest: KisRest, host: ScriptedKis) -> None:
    host.on(ORDER_PATH, TOO_FAST)
    result = failure(rest.attempt("order_cash", ORDER, variant="buy"))
    assert (result.kind, result.handling) == (FailureKind.UNAVAILABLE, Handling.SLOW_DOWN)
    assert len(host.asked(ORDER_PATH)) == 3


def test_too_fast_and_then_lost_is_unknown_and_not_sent_again(rest: KisRest, host: ScriptedKis) -> None:
    host.on(ORDER_PATH, TOO_FAST, Reply(reset=True), ACCEPTED)
    assert failure(rest.attempt("order_cash", ORDER, variant="buy")).kind is FailureKind.UNKNOWN
    assert len(host.asked(ORDER_PATH)) == 2


def test_an_expired_token_is_renewed_and_only_a_read_is_repeated(
    rest: KisRest, host: ScriptedKis, clock: SharedClock
) -> None:
    host.on(PRICE_PATH, EXPIRED, PRICED)
    assert rest.call("inquire_price", QUOTE).one(PriceQuote).price == 71_000
    tokens = [seen.headers["authorization"] for seen in host.asked(PRICE_PATH)]
    assert tokens == [f"Bearer {token}" for token in host.issued] and len(tokens) == 2
    clock.pass_by(timedelta(minutes=2))
    host.on(ORDER_PATH, EXPIRED, ACCEPTED)
    assert failure(rest.attempt("order_cash", ORDER, variant="buy")).code == "EGW00123"
    assert len(host.asked(ORDER_PATH)) == 1 and len(host.issued) == 3
    assert isinstance(rest.attempt("order_cash", ORDER, variant="buy"), Answer)  # with the new one
    assert host.asked(ORDER_PATH)[-1].headers["authorization"] == f"Bearer {host.issued[-1]}"


def test_a_token_that_stays_refused_is_given_up_after_one_new_one(rest: KisRest, host: ScriptedKis) -> None:
    host.on(PRICE_PATH, EXPIRED)
    with pytest.raises(CallUnavailable, match="EGW00123"):
        rest.call("inquire_price", QUOTE)
    assert len(host.asked(PRICE_PATH)) == 2


@pytest.mark.parametrize(
    "passing",
    [
        Reply(reset=True),
        Reply(body=b"<html>", status=502),
        Reply(cut=True, body=b"{"),
        said("EGW00001", status=500),
        said("EGW00301", status=500),
        said("OPSQ3001", rt_cd="2"),
        Reply(body=b""),
    ],
)
def test_a_read_is_repeated_a_few_times_after_a_passing_error(rest: KisRest, host: ScriptedKis, passing: Reply) -> None:
    host.on(PRICE_PATH, passing, passing, PRICED)
    assert rest.call("inquire_price", QUOTE).one(PriceQuote).price == 71_000
    host.on(PRICE_PATH, passing)
    host.seen.clear()
    with pytest.raises(CallUnavailable):
        rest.call("inquire_price", QUOTE)
    assert len(host.asked(PRICE_PATH)) == 3


def test_a_refused_read_is_not_repeated(rest: KisRest, host: ScriptedKis) -> None:
    host.on(PRICE_PATH, said("MCA05918", "종목코드 오류"))
    with pytest.raises(CallRefused, match="MCA05918"):
        rest.call("inquire_price", QUOTE)
    assert len(host.asked(PRICE_PATH)) == 1


def test_a_read_that_is_too_fast_backs_off_and_goes_on(rest: KisRest, host: ScriptedKis, clock: SharedClock) -> None:
    host.on(PRICE_PATH, *[TOO_FAST] * 5, PRICED)
    before = clock.now()
    rest.call("inquire_price", QUOTE)
    assert clock.now() - before >= timedelta(seconds=0.1 + 0.2 + 0.4 + 0.8 + 1.6)
    host.on(PRICE_PATH, TOO_FAST)
    with pytest.raises(CallUnavailable, match="EGW00201"):
        rest.call("inquire_price", QUOTE)


def test_a_read_waits_for_a_token_that_another_program_made_late(rest: KisRest, host: ScriptedKis) -> None:
    host.on(TOKEN_PATH, TOO_SOON, host._usual)
    host.on(PRICE_PATH, PRICED)
    assert rest.call("inquire_price", QUOTE).code == "MCA00000"


def page(numbers: range, more: str, place: str) -> Reply:
    rows = [BalanceRow(ticker=f"{number:06}", quantity=1, sellable=1, cost=1) for number in numbers]
    names = ("deposit", "deposit_d1", "deposit_d2", "stock_value", "total_value", "net_assets")
    totals = BalanceTotals(**dict.fromkeys(names, 5))
    body = answer_body(
        ENDPOINTS["inquire_balance"],
        {"output1": rows, "output2": totals},
        next_page={"CTX_AREA_FK100": f"{ACCOUNT}^01", "CTX_AREA_NK100": place},
    )
    return Reply(body=body, headers={"tr_cont": more})


def test_pages_are_followed_to_the_end(rest: KisRest, host: ScriptedKis) -> None:
    host.on(BALANCE_PATH, page(range(20), "M", "A"), page(range(20, 40), "F", "B"), page(range(40, 45), "E", ""))
    rows = rest.rows("inquire_balance", BalanceRow)
    assert [row.ticker for row in rows] == [f"{number:06}" for number in range(45)]
    asked = host.asked(BALANCE_PATH)
    assert [seen.headers["tr_cont"] for seen in asked] == ["", "N", "N"]
    assert [seen.values["CTX_AREA_NK100"] for seen in asked] == ["", "A", "B"]
    assert [seen.values["CTX_AREA_FK100"] for seen in asked] == ["", f"{ACCOUNT}^01", f"{ACCOUNT}^01"]


def test_pages_that_fail_in_the_middle_give_nothing(rest: KisRest, host: ScriptedKis) -> None:
    host.on(BALANCE_PATH, page(range(20), "M", "A"), said("EGW02004", status=500))
    with pytest.raises(CallRefused):
        rest.rows("inquire_balance", BalanceRow)


def test_a_page_is_asked_for_again_after_a_passing_error(rest: KisRest, host: ScriptedKis) -> None:
    host.on(BALANCE_PATH, page(range(20), "M", "A"), Reply(reset=True), page(range(20, 21), "D", ""))
    assert len(rest.rows("inquire_balance", BalanceRow)) == 21


def test_pages_that_do_not_end_are_an_error(tmp_path: Path, host: ScriptedKis, clock: SharedClock) -> None:
    rest = make_rest(tmp_path, host, clock, most_pages=3)
    host.on(BALANCE_PATH, page(range(1), "M", "SAME"))
    with pytest.raises(BadAnswer, match="tr_cont"):
        rest.pages("inquire_balance")
    assert len(host.asked(BALANCE_PATH)) == 2
    host.on(BALANCE_PATH, *[page(range(1), "M", str(number)) for number in range(9)])
    with pytest.raises(BadAnswer, match="within 3"):
        rest.pages("inquire_balance")
    rest.close()


def test_an_empty_page_is_no_rows(rest: KisRest, host: ScriptedKis) -> None:
    host.on(BALANCE_PATH, good(output1=[], output2=[]))
    assert rest.rows("inquire_balance", BalanceRow) == ()


def test_what_paper_lacks_is_said_with_its_substitute_and_not_sent(rest: KisRest, host: ScriptedKis) -> None:
    with pytest.raises(NotInPaper, match="ord_psbl_qty of inquire_balance"):
        rest.call("inquire_psbl_sell", {"PDNO": "005930"})
    with pytest.raises(NotInPaper, match="live app key"):
        rest.call("volume_rank")
    assert host.seen == []


def test_quotations_from_live_go_with_the_live_key_and_everything_else_does_not(
    tmp_path: Path, host: ScriptedKis, clock: SharedClock
) -> None:
    rest = make_rest(tmp_path, host, clock, quotes="live")
    rank = ENDPOINTS["volume_rank"].path
    host.on(rank, good(output=[]))
    host.on(PRICE_PATH, PRICED)
    host.on(BALANCE_PATH, good(output1=[], output2=[]))
    rest.call("volume_rank")
    rest.call("inquire_price", QUOTE)
    rest.call("inquire_balance")
    assert [host.asked(path)[0].headers["appkey"] for path in (rank, PRICE_PATH, BALANCE_PATH)] == [
        LIVE_KEY,
        LIVE_KEY,
        APP_KEY,
    ]
    tokens = {path: host.asked(path)[0].headers["authorization"] for path in (rank, PRICE_PATH, BALANCE_PATH)}
    assert tokens[rank] == tokens[PRICE_PATH] != tokens[BALANCE_PATH]
    assert all(seen.values.get("CANO") in (None, ACCOUNT) for seen in host.seen)
    with pytest.raises(NotInPaper):
        rest.call("inquire_psbl_sell", {"PDNO": "005930"})
    rest.close()


def test_live_uses_its_own_account_and_ids_and_the_older_ones_by_option(
    tmp_path: Path, host: ScriptedKis, clock: SharedClock
) -> None:
    host.on(ORDER_PATH, ACCEPTED)
    for legacy in (False, True):
        rest = make_rest(tmp_path, host, clock, "live", legacy_tr_ids=legacy)
        rest.attempt("order_cash", ORDER, variant="sell")
        rest.close()
    assert [(seen.tr_id, seen.values["CANO"]) for seen in host.asked(ORDER_PATH)] == [
        ("TTTC0011U", LIVE_ACCOUNT),
        ("TTTC0801U", LIVE_ACCOUNT),
    ]


def test_a_configuration_that_was_tampered_with_is_stopped_by_the_guard(
    tmp_path: Path, host: ScriptedKis, clock: SharedClock
) -> None:
    config = make_kis_config(tmp_path, host.url).model_copy(
        update={"rest_url": "https://openapi.koreainvestment.com:9443"}
    )
    rest = KisRest(config, clock, sleep=clock.sleep)
    with pytest.raises(WrongEnvironment, match="not of paper"):
        rest.attempt("order_cash", ORDER, variant="buy")
    rest.close()


def test_a_call_that_does_not_exist_is_named(rest: KisRest) -> None:
    for name in ("inquire_prices", "tokenP"):
        with pytest.raises(BadInput, match=name):
            rest.call(name)


def test_the_servers_clock_is_compared_with_ours(rest: KisRest, host: ScriptedKis, clock: SharedClock) -> None:
    host.on(PRICE_PATH, PRICED)
    assert rest.clock_difference is None
    rest.call("inquire_price", QUOTE)
    first = rest.clock_difference
    assert first is not None
    clock.pass_by(timedelta(hours=1))
    rest.call("inquire_price", QUOTE)
    assert rest.clock_difference is not None
    assert timedelta(minutes=59) < first - rest.clock_difference < timedelta(minutes=61)


def test_a_netrc_file_and_a_proxy_of_the_environment_do_not_touch_a_call_to_this_machine(
    tmp_path: Path, host: ScriptedKis, clock: SharedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1\nlogin someone\npassword else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    rest = make_rest(tmp_path, host, clock)
    host.on(PRICE_PATH, PRICED)
    rest.call("inquire_price", QUOTE)
    assert host.asked(PRICE_PATH)[0].headers["authorization"] == f"Bearer {host.issued[0]}"
    rest.close()


def test_cookies_are_not_kept(rest: KisRest, host: ScriptedKis) -> None:
    host.on(PRICE_PATH, Reply(body=PRICED.body, headers={"Set-Cookie": "a=b; Path=/"}))
    rest.call("inquire_price", QUOTE)
    rest.call("inquire_price", QUOTE)
    assert "cookie" not in host.asked(PRICE_PATH)[1].headers


def test_a_session_may_be_given(tmp_path: Path, host: ScriptedKis, clock: SharedClock) -> None:
    session = requests.Session()
    session.headers["X-Mine"] = "yes"
    rest = KisRest(make_kis_config(tmp_path, host.url), clock, session=session, sleep=clock.sleep)
    host.on(ORDER_PATH, Reply(reset=True))
    assert failure(rest.attempt("order_cash", ORDER, variant="buy")).kind is FailureKind.UNKNOWN
    assert host.asked(ORDER_PATH)[0].headers["x-mine"] == "yes"
    rest.close()


def test_many_threads_share_one_token_and_get_their_own_answers(rest: KisRest, host: ScriptedKis) -> None:
    def priced(seen: object) -> Reply:
        ticker = seen.values["FID_INPUT_ISCD"]  # type: ignore[attr-defined]
        return good(output={"stck_shrn_iscd": ticker, "stck_prpr": "1", "acml_vol": "1"})

    host.on(PRICE_PATH, priced)
    got: dict[int, list[str]] = {}

    def ask(thread: int) -> None:
        tickers = [f"{thread:03}{number:03}" for number in range(8)]
        got[thread] = [rest.call("inquire_price", {"FID_INPUT_ISCD": one}).one(PriceQuote).ticker for one in tickers]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {thread: [f"{thread:03}{number:03}" for number in range(8)] for thread in range(6)}
    assert len(host.issued) == 1


def test_one_lost_answer_of_a_thread_does_not_colour_the_next_call_of_it(rest: KisRest, host: ScriptedKis) -> None:
    """Whether a byte was written is watched per call: a refused connection after a reset is still unavailable."""
    host.on(ORDER_PATH, Reply(reset=True))
    assert failure(rest.attempt("order_cash", ORDER, variant="buy")).kind is FailureKind.UNKNOWN
    host.close()
    assert failure(rest.attempt("order_cash", ORDER, variant="buy")).kind is FailureKind.UNAVAILABLE


def test_a_connection_that_the_host_closed_in_between_is_not_a_lost_order(tmp_path: Path, clock: SharedClock) -> None:
    """The host closes idle connections; the next order goes on a new one."""
    with scripted_kis(clock) as host:
        rest = make_rest(tmp_path, host, clock)
        host.on(PRICE_PATH, Reply(body=PRICED.body, headers={"Connection": "close"}))
        host.on(ORDER_PATH, ACCEPTED)
        for _ in range(3):
            rest.call("inquire_price", QUOTE)
            assert isinstance(rest.attempt("order_cash", ORDER, variant="buy"), Answer)
        rest.close()


def test_an_approval_key_and_revoking(rest: KisRest, host: ScriptedKis) -> None:
    host.on("/oauth2/Approval", Reply(body={"approval_key": "abcdef"}))
    host.on("/oauth2/revokeP", Reply(body={"code": 200, "message": "ok"}))
    host.on(PRICE_PATH, PRICED)
    assert rest.approval_key().get_secret_value() == "abcdef"
    rest.call("inquire_price", QUOTE)
    rest.revoke_tokens()
    assert len(host.asked("/oauth2/revokeP")) == 1


def test_a_folder_that_cannot_be_made_is_a_wrong_configuration(
    tmp_path: Path, host: ScriptedKis, clock: SharedClock
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="token_folder"):
        make_rest(tmp_path, host, clock, token_folder=tmp_path / "file" / "below")


def test_a_failed_call_is_never_an_empty_list(rest: KisRest, host: ScriptedKis) -> None:
    host.on(BALANCE_PATH, said("EGW02006", status=500))
    with pytest.raises(CallFailed):
        rest.rows("inquire_balance", BalanceRow)
