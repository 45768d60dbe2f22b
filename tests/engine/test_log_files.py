"""Logs of a run rotate, are private, survive a full disk, and hold no secret that the system knows."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from engine.errors import DataError
from engine.log_files import LogFiles, last_lines, log_told, make_file_logger, readable
from tests.builders_ledger import make_clock

APP_KEY = "PSabcdefghijklmnopqrstuvwxyz01234567"
APP_SECRET = "q1W+e2R/" * 22 + "aB3="
ACCOUNT, HTS_ID = "50123456", "eunji77"
SECRETS = {
    "app key": APP_KEY,
    "app secret": APP_SECRET,
    "account": ACCOUNT,
    "hts id": HTS_ID,
    "access token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzUxMiJ9.eyJzdWIiOiJ0b2tlbiJ9.q0w9e8r7t6y5",
    "approval key": "3f2b8c1e-9d47-4c60-b1aa-5e0c7d9f2a31",
    "model key": "sk-proj-abcdefghijklmnop1234",
    "telegram": "123456789:AAF1234567890abcdefghijklmnopqrstu",
    "slack": "https://hooks.slack.com/services/T0000000/B0000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "apprise": "tgram://123456789:AAF1234567890abcdefghijklmnopqrstu/-100",
    "address of a bot": "https://api.telegram.org/bot123456789:AAF1234567890abcdefghijklmnopqrstu/sendMessage",
    "another server's webhook": "https://chat.example.com/services/T0000000/B0000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "mail": "smtps://geoul:hunter2222@mail.example.com",
}
HIDDEN = {
    **SECRETS,
    "slack": "T0000000/B0000000",
    "apprise": "AAF1234567890",
    "address of a bot": "AAF1234567890",
    "another server's webhook": "T0000000/B0000000",
    "mail": "hunter2222",
}
NOTICE_KEY, NOTICE_IV = "k" * 31 + "1", "v" * 15 + "2"


def entries(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in last_lines(folder, 10**6)]


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("place", ["event", "field", "type", "deep", "error", "told"])
def test_no_secret_of_the_system_reaches_the_file(tmp_path: Path, name: str, place: str) -> None:
    files, secret = LogFiles(tmp_path), SECRETS[name]
    logger = make_file_logger(files, make_clock(), (APP_KEY, APP_SECRET, ACCOUNT, HTS_ID))
    if place == "event":
        logger.info(f"sent {secret} there")
    elif place == "field":
        logger.info("sent", what=f"<{secret}>")
    elif place == "type":
        logger.info("sent", what=SecretStr(secret), more=[SecretStr(secret)])
    elif place == "deep":
        logger.info("sent", what={"body": [{"header": f"x {secret}"}]})
    elif place == "told":
        log_told(lambda line: None, logger)(f"said {secret}")
    else:
        try:
            raise ValueError(f"not with {secret}")
        except ValueError:
            logger.exception("failed")
    files.close()
    text = (tmp_path / "geoul.log").read_text(encoding="utf-8")
    assert len(entries(tmp_path)) == 1
    assert HIDDEN[name] not in text
    assert "***" in text


def test_the_key_of_the_notices_is_masked_as_a_field_and_in_a_quoted_answer(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)
    logger = make_file_logger(files, make_clock())
    output = {"key": NOTICE_KEY, "iv": NOTICE_IV}
    logger.info("subscribed", answer={"output": output})
    logger.info("subscribed", text=json.dumps({"body": {"output": output}}))
    files.close()
    text = (tmp_path / "geoul.log").read_text(encoding="utf-8")
    assert len(entries(tmp_path)) == 2
    assert NOTICE_KEY not in text
    assert NOTICE_IV not in text


def test_files_rotate_and_no_line_is_torn_or_lost(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, most_bytes=2_000, older_files=9)
    logger = make_file_logger(files, make_clock())
    for number in range(100):
        logger.info("거래", number=number)
    files.close()
    assert [entry["number"] for entry in entries(tmp_path)] == list(range(100))
    assert [json.loads(line)["number"] for line in last_lines(tmp_path, 30)] == list(range(70, 100))
    logs = list(tmp_path.glob("geoul.log*"))
    assert len(logs) > 3
    assert all(path.stat().st_mode & 0o777 == 0o600 and path.stat().st_size <= 2_000 for path in logs)


def test_the_oldest_file_goes(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, most_bytes=1_000, older_files=2)
    logger = make_file_logger(files, make_clock())
    for number in range(200):
        logger.info("line", number=number)
    files.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["geoul.log", "geoul.log.1", "geoul.log.2"]
    assert entries(tmp_path)[-1]["number"] == 199


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    (tmp_path / "geoul.log").symlink_to("/dev/full")
    files = LogFiles(tmp_path)
    logger = make_file_logger(files, make_clock())
    for _ in range(3):
        logger.info("line")
    files.close()
    assert capfd.readouterr().err == ""


def test_lines_are_readable_on_a_terminal(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)
    logger = make_file_logger(files, make_clock())
    logger.info("fill", order_id="o-1", price=70_000, text="")
    log_told(lambda line: None, logger)("매수 체결")
    files.close()
    assert [readable(line) for line in last_lines(tmp_path, 5)] == [
        "2024-05-02 09:00:00 info fill order_id=o-1 price=70000",
        "2024-05-02 09:00:00 info 매수 체결",
    ]
    assert readable("half a li") == "half a li"
    with pytest.raises(DataError, match=r"geoul\.log"):
        last_lines(tmp_path / "none", 5)
