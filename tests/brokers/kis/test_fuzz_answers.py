"""Whatever KIS, a gateway or a file says, reading it raises the reader's own error and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.kis.access_messages import ApprovalAnswer, RevokeAnswer, TokenAnswer
from brokers.kis.answer import Answer, answer_body
from brokers.kis.config import load_kis_config
from brokers.kis.endpoint import Area, Endpoint, Shape
from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.errors import BadAnswer, CallFailed, KisError
from brokers.kis.outcome import Failure, FailureKind, HttpReply, Mishap, classify, classify_access
from brokers.kis.wire import Column, Record, columns
from brokers.kis.world_clock import WorldClock
from brokers.kis_server.faults import read_rules
from brokers.kis_server.setup import load_server_setup
from engine.errors import BadInput, ConfigError, GeoulError
from tests.random_json import JSON, damaged, damaged_bytes
from tests.scripted_kis import Reply, ScriptedKis, SharedClock, scripted_kis, write_keys

CALLS = {name: call for name, call in ENDPOINTS.items() if call.area is not Area.ACCESS}
PAGE = (
    b"<!DOCTYPE html>\r\n<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1>"
    b"</center><hr><center>nginx</center></body></html>\r\n"
)
TOKEN = {
    "access_token": "eyJ.abc.def",
    "access_token_token_expired": "2026-11-24 09:00:00",
    "token_type": "Bearer",
    "expires_in": 86400,
}


def sample(column: Column) -> object:
    """A plain value of a field."""
    if column.wire.count:
        return (1,) * column.wire.count
    return {int: 7, Decimal: Decimal("1.5"), bool: True, date: date(2026, 11, 23), time: time(9, 0)}.get(
        column.type, "005930"
    )


def good_body(call: Endpoint) -> dict[str, object]:
    """A good answer to a call, two rows in every list."""
    blocks: dict[str, Any] = {}
    for block in call.blocks:
        row: Record = block.record(**{column.attribute: sample(column) for column in columns(block.record)})
        blocks[block.name] = row if block.shape is Shape.ROW else [row, row]
    return answer_body(call, blocks)


def read_everything(result: Answer | Failure) -> None:
    """All that a caller may do with the outcome of a call; only the reader's own error gets out."""
    if isinstance(result, Failure):
        for language in ("ko", "en"):
            result.describe(language).encode("utf-8")
        assert isinstance(result.error(), CallFailed)
        return
    result.text.encode("utf-8")
    repr(result).encode("utf-8", "strict")
    result.next_page()
    assert result.more in (True, False)
    for block in result.endpoint.blocks:
        for reading in (result.rows, result.maybe, result.one):
            try:
                reading(block.record)
            except BadAnswer as error:
                str(error).encode("utf-8")


@pytest.mark.parametrize("name", CALLS)
@settings(max_examples=40)  # of each of the calls
@given(data=st.data())
def test_answers_with_missing_extra_and_wrong_fields(name: str, data: st.DataObject) -> None:
    body = data.draw(damaged(good_body(CALLS[name])))
    content = json.dumps(body).encode("ascii")
    headers = {"tr_cont": data.draw(st.sampled_from(["", "M", "D", "F", "?"])), "date": data.draw(st.text(max_size=30))}
    read_everything(classify(CALLS[name], HttpReply(status=200, headers=headers, body=content)))


@given(name=st.sampled_from(sorted(CALLS)), data=st.data(), status=st.integers(100, 599))
def test_answers_that_were_damaged_on_the_way(name: str, data: st.DataObject, status: int) -> None:
    content = json.dumps(good_body(CALLS[name]), ensure_ascii=False).encode()
    read_everything(classify(CALLS[name], HttpReply(status=status, headers={}, body=data.draw(damaged_bytes(content)))))


@pytest.mark.parametrize("name", CALLS)
def test_an_answer_without_one_of_its_fields_or_with_another_one_is_read_or_names_the_field(name: str) -> None:
    call = CALLS[name]
    for block in call.blocks:
        for column in columns(block.record):
            body = json.loads(json.dumps(good_body(call)))
            rows = body[block.name] if isinstance(body[block.name], list) else [body[block.name]]
            for row in rows:
                row["a_field_of_next_year"] = {"nested": [1, 2]}
                del row[column.wire.names[0]]
            result = classify(call, HttpReply(status=200, headers={}, body=json.dumps(body).encode()))
            assert isinstance(result, Answer)
            if not column.required or block.key == column.wire.name.lower():
                result.rows(block.record)
                continue
            with pytest.raises(BadAnswer) as caught:
                result.rows(block.record)
            assert caught.value.field.lower() == column.wire.name.lower()


@given(content=damaged_bytes(PAGE), status=st.sampled_from([200, 302, 403, 404, 500, 502, 503, 504]), data=st.data())
def test_error_pages_are_unknown_for_an_order_and_unavailable_for_a_question(
    content: bytes, status: int, data: st.DataObject
) -> None:
    headers = data.draw(st.sampled_from([{}, {"content-type": "text/html; charset=utf-8"}]))
    reply = HttpReply(status=status, headers=headers, body=content)
    for name, kind in (("order_cash", FailureKind.UNKNOWN), ("inquire_balance", FailureKind.UNAVAILABLE)):
        result = classify(ENDPOINTS[name], reply)
        assert isinstance(result, Failure) and result.kind is kind
        assert result.mishap in (Mishap.HTML, Mishap.NO_JSON, Mishap.EMPTY)
        read_everything(result)
    token = classify_access(ENDPOINTS["tokenP"], reply)
    assert isinstance(token, Failure) and token.kind is FailureKind.UNAVAILABLE


@given(body=damaged(TOKEN) | JSON)
def test_answers_to_the_calls_for_a_token(body: object) -> None:
    found = classify_access(
        ENDPOINTS["tokenP"], HttpReply(status=200, headers={}, body=json.dumps(body).encode("ascii"))
    )
    if isinstance(found, Failure):
        read_everything(found)
        return
    for answer in (TokenAnswer, ApprovalAnswer, RevokeAnswer):
        try:
            answer.read(found)
        except BadAnswer as error:
            str(error).encode("utf-8")


# Files.


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def read_config(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    for environment in ("live", "paper"):
        try:
            load_kis_config(environment, variables={"HOME": str(path.parent)}, path=path)
        except ConfigError as error:
            str(error).encode("utf-8")


@given(data=st.data())
def test_a_damaged_configuration_is_a_configuration_error(folder: Path, data: st.DataObject) -> None:
    official = write_keys(folder).read_bytes() + b"geoul:\n  quotes: own\n  calls_per_second: 5\n"
    read_config(folder / "damaged.yaml", data.draw(damaged_bytes(official)))


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_a_random_configuration_is_a_configuration_error(folder: Path, content: bytes) -> None:
    read_config(folder / "random.yaml", content)


@given(values=damaged({"my_app": "a", "my_sec": "b", "my_acct_stock": "12345678", "geoul": {"quotes": "own"}}) | JSON)
def test_a_configuration_of_any_shape_is_a_configuration_error(folder: Path, values: object) -> None:
    read_config(folder / "shape.yaml", json.dumps(values).encode("ascii"))


SETUP = b"""accounts:
  - {environment: live, number: "60000001", app_key: k, app_secret: s}
layout: legacy
live_calls_per_second: 20
"""


@given(
    content=damaged_bytes(SETUP) | st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode("ascii"))
)
def test_a_damaged_setup_of_the_server_is_a_configuration_error(folder: Path, content: bytes) -> None:
    path = folder / "server.yaml"
    path.write_bytes(content)
    try:
        load_server_setup(path)
    except ConfigError as error:
        str(error).encode("utf-8")


@pytest.mark.parametrize(
    "text", ["seed: 2026-99-99", "? [a, b]\n: 1", "seed: !!int x", "1: 2", "seed: 0o9", "[" * 5000]
)
def test_values_that_break_readers_of_yaml(folder: Path, text: str) -> None:
    path = folder / "values.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        load_server_setup(path)
    read_config(path, text.encode())


@given(content=damaged([{"fault": "lost_answer", "calls": ["orders"], "chance": 0.1, "times": 3}]) | JSON)
def test_damaged_rules_of_faults_are_bad_input(content: object) -> None:
    try:
        read_rules(content)
    except BadInput as error:
        str(error).encode("utf-8", "replace")


# The clock of a served world.


@pytest.fixture(scope="module")
def host() -> Iterator[ScriptedKis]:
    with scripted_kis(SharedClock()) as running:
        yield running


GOOD_CLOCK = {"time": "2024-03-05T09:00:00+09:00", "speed": 0.0}


@pytest.mark.parametrize(
    "told",
    [
        {**GOOD_CLOCK, "time": "2024-03-05T09:00:00"},
        {**GOOD_CLOCK, "time": "0001-01-01T00:00:00+14:00"},
        {**GOOD_CLOCK, "time": 7},
        {**GOOD_CLOCK, "speed": "NaN"},
        {**GOOD_CLOCK, "speed": "-inf"},
        {**GOOD_CLOCK, "speed": [1]},
        {"time": "2024-03-05T09:00:00+09:00"},
        [],
        None,
        "soon",
    ],
    ids=repr,
)
def test_a_clock_that_makes_no_sense_is_an_error_of_ours(host: ScriptedKis, told: object) -> None:
    host.on("/_world/clock", Reply(body=json.dumps(told).encode()))
    with pytest.raises(KisError, match="No clock"):
        WorldClock(host.url)


@given(told=damaged(GOOD_CLOCK) | JSON)
def test_a_damaged_clock_is_an_error_of_ours(host: ScriptedKis, told: object) -> None:
    host.on("/_world/clock", Reply(body=json.dumps(told).encode("ascii")))
    try:
        WorldClock(host.url).close()
    except KisError as error:
        assert isinstance(error, GeoulError)
