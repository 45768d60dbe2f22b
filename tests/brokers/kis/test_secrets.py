"""Keys, tokens and account numbers never show: everything logged, raised, represented and told is searched for them."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.errors import KisError
from brokers.kis.outcome import Failure
from brokers.kis.rest import KisRest
from engine.errors import GeoulError
from engine.log import make_logger
from tests.scripted_kis import (
    ACCOUNT,
    APP_KEY,
    APP_SECRET,
    EXPIRED,
    SECRETS,
    TOKEN_PATH,
    TOO_FAST,
    Reply,
    ScriptedKis,
    SharedClock,
    good,
    make_rest,
    said,
    scripted_kis,
)

PATHS = {name: ENDPOINTS[name].path for name in ("order_cash", "inquire_balance", "inquire_price")}
VALUES = {
    "order_cash": {"PDNO": "005930", "ORD_DVSN": "00", "ORD_QTY": "10", "ORD_UNPR": "71000"},
    "inquire_balance": {},
    "inquire_price": {"FID_INPUT_ISCD": "005930"},
}
TOKEN = "eyJhbGciOiJIUzUxMiJ9.token0001.signature"
ECHO = f"account {ACCOUNT} appkey {APP_KEY} secret {APP_SECRET} Authorization: Bearer {TOKEN}"

REPLIES = {
    "reset": Reply(reset=True),
    "cut": Reply(cut=True, body=b'{"rt_cd'),
    "html": Reply(body=f"<html>{ECHO}</html>".encode(), status=502),
    "refused with an echo": said("APBK0000", ECHO),
    "gateway with an echo": said("EGW02004", ECHO, status=500),
    "code with an echo": said(ACCOUNT, ECHO),
    "too fast": TOO_FAST,
    "expired": EXPIRED,
    "bad field": good(
        output={"stck_prpr": ECHO, "ODNO": ""},
        output1=[{"pdno": ECHO, "hldg_qty": ECHO}],
        output2=[{"dnca_tot_amt": ECHO}],
    ),
    "bad block": good(output=ECHO, output1=ECHO, output2=ECHO),
    "redirect": Reply(status=302, headers={"Location": f"http://127.0.0.1:1/?CANO={ACCOUNT}&appkey={APP_KEY}"}),
}


@pytest.fixture
def host() -> Iterator[ScriptedKis]:
    with scripted_kis(SharedClock()) as running:
        yield running


def told_by(error: BaseException) -> str:
    """All that an error can say, with its causes, contexts and traceback."""
    parts = ["".join(traceback.format_exception(error))]
    seen: BaseException | None = error
    while seen is not None:
        parts += [str(seen), repr(seen), repr(seen.args), repr(getattr(seen, "failure", ""))]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(parts)


def provoke(rest: KisRest, name: str) -> str:
    """Make a call that fails, read what there is to read, and give all that was said."""
    try:
        result = rest.attempt(name, VALUES[name], variant="buy" if name == "order_cash" else "")
        if isinstance(result, Failure):
            error = result.error()
            words = f"{result!r} {result.describe('ko')} {result.describe('en')}"
            return f"{words} {told_by(error)} {result.as_broker_outcome()!r}"
        said_so = repr(result)
        for block in result.endpoint.blocks:
            try:
                result.rows(block.record) if name == "inquire_balance" else result.one(block.record)
            except KisError as error:
                said_so += told_by(error)
        return said_so
    except GeoulError as error:
        return told_by(error)


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
@pytest.mark.parametrize("name", PATHS)
def test_nothing_that_is_logged_raised_or_shown_holds_a_secret(
    tmp_path: Path, host: ScriptedKis, name: str, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    clock = SharedClock()
    rest = make_rest(tmp_path, host, clock, read_seconds=1.0, quotes="live")
    host.on(PATHS[name], reply)
    said_so = provoke(rest, name)
    host.on(TOKEN_PATH, Reply(body={"error_code": "EGW00103", "error_description": ECHO}, status=403))
    fresh = make_rest(tmp_path, host, clock, token_folder=tmp_path / "other", quotes="live")
    said_so += provoke(fresh, name)
    host.close()
    said_so += provoke(rest, name) + provoke(fresh, name)

    lines = io.StringIO()
    make_logger(lines, clock, secrets=rest.config.secrets()).info("call", what=said_so, config=rest.config, rest=rest)
    shown = "\n".join(
        [
            said_so,
            caplog.text,
            *(str(record.args) for record in caplog.records),
            *rest.notes,
            repr(rest.config),
            lines.getvalue(),
        ]
    )
    assert said_so and "127.0.0.1" in caplog.text
    hidden = [*SECRETS, *host.issued]
    assert not [shown[max(0, shown.index(one) - 60) : shown.index(one) + 9] for one in hidden if one in shown]
    rest.close()
    fresh.close()


def test_files_that_are_written_hold_the_token_and_no_key(tmp_path: Path, host: ScriptedKis) -> None:
    rest = make_rest(tmp_path, host, SharedClock())
    host.on(PATHS["inquire_balance"], good(output1=[], output2=[]))
    rest.call("inquire_balance")
    written = {path.name: path.read_text() for path in (tmp_path / "tokens").iterdir()}
    assert any(host.issued[0] in text for text in written.values())
    assert not [secret for secret in SECRETS for name, text in written.items() if secret in text or secret in name]
    rest.close()
