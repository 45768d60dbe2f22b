"""Tokens: one for all processes, reused until shortly before they expire, issued at most once a minute."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from brokers.kis.access_messages import ApprovalAnswer, HashAnswer, RevokeAnswer, TokenAnswer
from brokers.kis.auth import Tokens
from brokers.kis.channel import Channel
from brokers.kis.environment import LIVE, PAPER, Environment
from brokers.kis.errors import BadAnswer, CallRefused, CallUnavailable, KisError
from brokers.kis.rate_limit import RateLimiter
from brokers.kis.transport import HttpTransport
from tests.scripted_kis import (
    APP_KEY,
    APP_SECRET,
    MORNING,
    TOKEN_PATH,
    TOO_SOON,
    Reply,
    ScriptedKis,
    SharedClock,
    scripted_kis,
)


@pytest.fixture
def clock() -> SharedClock:
    return SharedClock()


@pytest.fixture
def host(clock: SharedClock) -> Iterator[ScriptedKis]:
    with scripted_kis(clock) as running:
        yield running


@pytest.fixture
def notes() -> list[str]:
    return []


def make_tokens(
    host: ScriptedKis,
    clock: SharedClock,
    folder: Path,
    notes: list[str],
    *,
    app_key: str = APP_KEY,
    world: Environment = PAPER,
    url: str = "",
) -> Tokens:
    channel = Channel(
        environment=world,
        account_environment=world,
        base_url=url or host.url,
        app_key=SecretStr(app_key),
        app_secret=SecretStr(APP_SECRET),
        limiter=RateLimiter(calls_per_second=1000, clock=clock, sleep=clock.sleep),
        transport=HttpTransport(read_seconds=5.0),
        user_agent="Geoul",
    )
    return Tokens(channel, folder=folder, clock=clock, sleep=clock.sleep, report=notes.append)


def token_file(folder: Path) -> Path:
    (path,) = folder.glob("token-*.json")
    return path


def test_a_token_is_asked_for_once_and_then_reused_by_every_process(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    processes = [make_tokens(host, clock, tmp_path, notes) for _ in range(3)]
    got = {tokens.current().get_secret_value() for tokens in processes for _ in range(5)}
    assert got == set(host.issued) and len(host.issued) == 1
    (asked,) = host.asked(TOKEN_PATH)
    assert asked.values == {"grant_type": "client_credentials", "appkey": APP_KEY, "appsecret": APP_SECRET}
    assert "authorization" not in asked.headers and "tr_id" not in asked.headers


def test_threads_that_start_together_ask_for_one_token(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    threads = [threading.Thread(target=make_tokens(host, clock, tmp_path, notes).current) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(host.issued) == 1


@pytest.mark.skipif(os.name != "posix", reason="file modes are of POSIX systems")
def test_the_file_is_its_owners_alone_and_a_looser_mode_is_reported_and_mended(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    folder = tmp_path / "new" / "folder"
    make_tokens(host, clock, folder, notes).current()
    path = token_file(folder)
    assert path.stat().st_mode & 0o777 == 0o600
    assert all(other.stat().st_mode & 0o077 == 0 for other in folder.iterdir())
    assert notes == []
    path.chmod(0o664)
    make_tokens(host, clock, folder, notes).current()
    assert len(notes) == 1 and "mode 0664" in notes[0]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_token_is_replaced_shortly_before_it_expires_and_not_earlier(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    tokens = make_tokens(host, clock, tmp_path, notes)
    first = tokens.current()
    clock.pass_by(timedelta(hours=23, minutes=49))
    assert tokens.current() == first
    clock.pass_by(timedelta(minutes=2))
    assert tokens.current() != first
    assert len(host.issued) == 2


def test_an_order_takes_a_token_in_its_last_minutes_rather_than_wait_for_a_new_one(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    tokens = make_tokens(host, clock, tmp_path, notes)
    first = tokens.current()
    clock.pass_by(timedelta(hours=23, minutes=55))
    assert tokens.current(wait=False) == first and len(host.issued) == 1


def test_the_last_minutes_of_a_token_are_used_when_no_new_one_is_to_be_had(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    tokens = make_tokens(host, clock, tmp_path, notes)
    first = tokens.current()
    host.on(TOKEN_PATH, Reply(body=b"<html>", status=503))
    clock.pass_by(timedelta(hours=23, minutes=55))
    assert tokens.current() == first
    clock.pass_by(timedelta(minutes=6))
    with pytest.raises(CallUnavailable):
        tokens.current()


def test_a_new_token_is_not_asked_for_within_a_minute_of_the_last(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    tokens = make_tokens(host, clock, tmp_path, notes)
    first = tokens.current()
    clock.pass_by(timedelta(seconds=20))
    second = make_tokens(host, clock, tmp_path, notes).renew(first)
    assert second != first and len(host.issued) == 2
    assert clock.now() - MORNING >= timedelta(seconds=61)


def test_an_order_does_not_wait_for_the_minute(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    tokens = make_tokens(host, clock, tmp_path, notes)
    first = tokens.current()
    clock.slept.clear()
    with pytest.raises(CallUnavailable, match="no valid token"):
        tokens.renew(first, wait=False)
    assert clock.slept == [] and len(host.issued) == 1
    with pytest.raises(CallUnavailable):
        tokens.current(wait=False)  # the refused token is not handed out again


def test_a_token_that_another_process_renewed_is_taken_from_the_file(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    here, there = make_tokens(host, clock, tmp_path, notes), make_tokens(host, clock, tmp_path, notes)
    first = here.current()
    there.current()
    second = here.renew(first)
    assert there.renew(first) == second and len(host.issued) == 2


def test_too_soon_for_kis_is_waited_out_once(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    """Another program, such as the official samples, asked for a token within the minute."""
    host.on(TOKEN_PATH, TOO_SOON, host._usual)
    assert make_tokens(host, clock, tmp_path, notes).current().get_secret_value() == host.issued[0]
    assert 61.0 in clock.slept


def test_too_soon_twice_is_reported_with_its_code(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    host.on(TOKEN_PATH, TOO_SOON)
    with pytest.raises(CallUnavailable, match="EGW00133"):
        make_tokens(host, clock, tmp_path, notes).current()
    assert len(host.asked(TOKEN_PATH)) == 2


def test_a_wrong_key_is_refused_and_says_what_to_check(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    host.on(TOKEN_PATH, Reply(body={"error_code": "EGW00103", "error_description": f"{APP_KEY} 무효"}, status=403))
    with pytest.raises(CallRefused, match="Check the app key") as caught:
        make_tokens(host, clock, tmp_path, notes).current()
    assert APP_KEY not in str(caught.value)


def test_a_host_that_was_not_there_costs_no_minute(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    url = host.url
    host.close()
    tokens = make_tokens(host, clock, tmp_path, notes, url=url)
    for _ in range(2):
        with pytest.raises(CallUnavailable, match="no connection"):
            tokens.current()
    assert sum(clock.slept) < 1


def test_a_clock_that_is_a_day_ahead_is_told_so(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    answer = TokenAnswer(token=SecretStr("abc"), expires_at=MORNING - timedelta(hours=1))
    host.on(TOKEN_PATH, Reply(body=answer.to_wire(MORNING)))
    with pytest.raises(KisError, match="Set the machine's clock"):
        make_tokens(host, clock, tmp_path, notes).current()


def test_keys_environments_and_hosts_do_not_share_tokens(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    make_tokens(host, clock, tmp_path, notes).current()
    make_tokens(host, clock, tmp_path, notes, app_key="another").current()
    make_tokens(host, clock, tmp_path, notes, world=LIVE).current()
    assert len(host.issued) == 3 and len(list(tmp_path.glob("token-*.json"))) == 3
    assert not [path for path in tmp_path.iterdir() if APP_KEY in path.name]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    content=st.binary(max_size=40)
    | st.dictionaries(
        st.sampled_from(["token", "expires_at", "asked_at"]),
        st.none() | st.integers() | st.text(max_size=20) | st.just("2026-11-23T09:00:00"),
    ).map(lambda value: json.dumps(value).encode())
)
def test_a_damaged_file_is_as_good_as_none(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str], content: bytes
) -> None:
    make_tokens(host, clock, tmp_path, notes).current()
    token_file(tmp_path).write_bytes(content)
    assert make_tokens(host, clock, tmp_path, notes).current().get_secret_value() in host.issued


def test_revoking_makes_the_token_void_here_and_there(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    host.on("/oauth2/revokeP", Reply(body={"code": 200, "message": "접근토큰 폐기에 성공하였습니다"}))
    tokens = make_tokens(host, clock, tmp_path, notes)
    assert tokens.revoke() is False
    first = tokens.current().get_secret_value()
    assert tokens.revoke() is True
    assert host.asked("/oauth2/revokeP")[0].values == {"appkey": APP_KEY, "appsecret": APP_SECRET, "token": first}
    assert first not in token_file(tmp_path).read_text()
    assert tokens.current().get_secret_value() != first


def test_a_revocation_that_kis_did_not_do_is_an_error(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    host.on("/oauth2/revokeP", Reply(body={"code": 500, "message": "?"}))
    tokens = make_tokens(host, clock, tmp_path, notes)
    tokens.current()
    with pytest.raises(BadAnswer, match="revokeP"):
        tokens.revoke()


def test_the_approval_key_is_asked_for_with_the_secret_under_its_other_name(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    key = "b1c7f6c2-0000-4000-8000-123456789abc"
    host.on("/oauth2/Approval", Reply(body=ApprovalAnswer(approval_key=SecretStr(key)).to_wire()))
    assert make_tokens(host, clock, tmp_path, notes).approval_key().get_secret_value() == key
    (asked,) = host.asked("/oauth2/Approval")
    assert set(asked.values) == {"grant_type", "appkey", "secretkey"} and asked.values["secretkey"] == APP_SECRET


@pytest.mark.parametrize(
    "body", [{}, {"access_token": ""}, {"access_token": 5}, {"access_token": "a\r\nX: y"}, {"access_token": "토큰"}]
)
def test_what_is_no_token_is_not_sent_as_one(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str], body: dict[str, object]
) -> None:
    host.on(TOKEN_PATH, Reply(body={"access_token_token_expired": "2026-11-24 09:00:00", **body}))
    with pytest.raises(BadAnswer, match="access_token") as caught:
        make_tokens(host, clock, tmp_path, notes).current()
    assert "X: y" not in str(caught.value)


@given(st.integers(0, 10**9), st.text("0123456789", min_size=6))
def test_messages_that_give_access_are_read_as_they_were_written(seconds: int, key: str) -> None:
    token = TokenAnswer(token=SecretStr(key), expires_at=MORNING + timedelta(seconds=seconds))
    assert TokenAnswer.read(token.to_wire(MORNING)) == token
    approval = ApprovalAnswer(approval_key=SecretStr(key))
    assert ApprovalAnswer.read(approval.to_wire()) == approval
    assert RevokeAnswer.read(RevokeAnswer(message="ok").to_wire()) == RevokeAnswer(message="ok")
    assert HashAnswer(body={"PDNO": "1"}, hash="h").to_wire() == {"BODY": {"PDNO": "1"}, "HASH": "h"}
    assert key not in repr(token) and key not in repr(approval)


def test_a_folder_that_cannot_be_used_is_named(
    host: ScriptedKis, clock: SharedClock, tmp_path: Path, notes: list[str]
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KisError, match="token_folder"):
        make_tokens(host, clock, tmp_path / "file", notes).current()
