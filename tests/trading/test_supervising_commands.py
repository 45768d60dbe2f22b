"""The commands around a trader, where no trader runs: what they show, what they refuse, and in which words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brokers.kis.config import KisConfig, load_kis_config
from engine.cli.live import require_the_act
from engine.cli.main import app
from engine.cli.options import Lang
from engine.cli.trading_options import keys_and_time
from engine.clock import KST, SimulatedClock, SystemClock
from engine.errors import BadInput
from engine.events import CashMoved, CashReason
from engine.ledger.ledger import open_ledger
from engine.ledger.supervision import Supervision, What, record_supervision
from engine.trading.control import ControlFile
from engine.trading.heartbeat import Heartbeat, last_beat
from engine.trading.kill_switch import HaltFile

NOW = datetime(2026, 3, 2, 8, 40, tzinfo=KST)
ACTION = {
    "ticker": "005930",
    "name": "삼성전자",
    "side": "buy",
    "quantity": 12,
    "kind": "limit",
    "price": 70_000,
    "from_open": False,
    "justification": "",
    "rule_ids": ["dip"],
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody will answer: these folders have no trader."""
    monkeypatch.setattr("engine.cli.supervise._PATIENCE_SECONDS", 0.0)


def account(folder: Path, environment: str) -> Path:
    folder.mkdir()
    (folder / "account.json").write_text(json.dumps({"environment": environment, "account": "x"}), encoding="utf-8")
    with open_ledger(folder / "ledger.db", SimulatedClock(NOW)) as ledger:
        ledger.append(CashMoved(time=NOW, reason=CashReason.DEPOSIT, amount=1_000_000))
        values = {"level": 4, "expires": "2026-04-01T00:00:00+09:00", "evidence": ["one month"]}
        if environment == "live":
            record_supervision(
                ledger, Supervision(time=NOW, what=What.LEVEL, who="tester", reason="ready", values=values)
            )
            plan = {"decision_id": "2026-02-27T15:30", "expires": "2026-03-02T09:30:00+09:00", "actions": [ACTION]}
            record_supervision(ledger, Supervision(time=NOW, what=What.PLAN, who="geoul", values=plan))
    Heartbeat(folder).end(NOW)
    return folder


def run(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_level_shows_the_level_why_and_what_the_next_one_asks_for(tmp_path: Path) -> None:
    told = run("level", str(account(tmp_path / "a", "live")), "--lang", "en")
    assert "LV4 live, each plan approved" in told
    assert "tester: ready" in told
    assert "✓ one month" in told
    assert "LV5 live, alone within the limits asks for" in told
    assert "✗ live sessions with approvals: 0 of 20" in told
    paper = run("level", str(account(tmp_path / "b", "paper")))
    assert "LV3 모의투자" in paper
    assert "새 계좌의 기본 단계" in paper


def test_going_up_without_the_evidence_is_refused_and_nothing_is_asked(tmp_path: Path) -> None:
    folder = account(tmp_path / "a", "live")
    with pytest.raises(BadInput, match="0 of 20"):
        run("level", str(folder), "--set", "5", "--reason", "impatient", "--lang", "en")
    with pytest.raises(BadInput, match="cannot be at LV3"):
        run("level", str(folder), "--set", "3", "--reason", "x", "--lang", "en")
    with pytest.raises(BadInput, match="--reason"):
        run("level", str(folder), "--set", "1")
    assert ControlFile(folder).unanswered() == []
    told = run("level", str(folder), "--set", "2", "--reason", "holiday", "--lang", "en")
    assert "The trader does not run or is busy" in told
    (request,) = ControlFile(folder).unanswered()
    assert (request.command, request.parameters["level"]) == ("level", 2)
    assert "Not handled yet: level" in run("level", str(folder), "--lang", "en")


def test_plans_are_shown_in_the_time_of_the_trader(tmp_path: Path) -> None:
    folder = account(tmp_path / "a", "live")
    told = run("plans", str(folder), "--lang", "en")
    assert "2026-02-27T15:30 waits until 03-02 09:30" in told
    assert "buy 12 of 삼성전자(005930) limit 70,000 won [dip]" in told
    Heartbeat(folder).end(NOW + timedelta(hours=1))
    assert "expired" in run("plans", str(folder), "--lang", "en")
    with pytest.raises(BadInput, match="2026-02-27T15:30"):
        run("approve", str(folder), "2026-02-26T15:30")
    run("approve", str(folder), "2026-02-27T15:30")
    (request,) = ControlFile(folder).unanswered()
    assert request.parameters["decision_id"] == "2026-02-27T15:30"


def test_halt_works_without_an_account_and_falls_back_to_the_file(tmp_path: Path) -> None:
    told = run("halt", str(tmp_path), "--sell", "--reason", "the strategy doubled its orders", "--lang", "en")
    assert "no account yet" in told
    (request,) = ControlFile(tmp_path).unanswered()
    assert request.parameters["sell"] is True
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "control.db").write_bytes(b"no database" * 100)
    with pytest.raises(BadInput, match="cannot be used"):
        run("halt", str(broken), "--everything", "--reason", "now")
    thrown = HaltFile(broken).read()
    assert thrown is not None
    assert (thrown.everything, thrown.sell) == (True, False)


def test_resume_takes_the_file_away(tmp_path: Path) -> None:
    folder = account(tmp_path / "a", "paper")
    (folder / "HALT").write_text("cancel", encoding="ascii")
    run("resume", str(folder), "--reason", "looked at it")
    assert not (folder / "HALT").exists()
    assert ControlFile(folder).unanswered()[0].parameters["reason"] == "looked at it"


def keys(folder: Path) -> KisConfig:
    values = {"my_app": "A" * 36, "my_sec": "s" * 180, "my_acct_stock": "60001234", "my_prod": "01"}
    path = folder / "kis_devlp.yaml"
    path.write_text("".join(f'{key}: "{value}"\n' for key, value in values.items()), encoding="utf-8")
    path.chmod(0o600)
    return load_kis_config("live", variables={}, path=path, options={"token_folder": folder})


def test_real_money_is_traded_by_whoever_says_so_with_the_right_account(tmp_path: Path) -> None:
    config, clock = keys(tmp_path), SystemClock()
    with pytest.raises(BadInput, match="--i-am-trading-real-money") as refused:
        require_the_act(config, None, tmp_path, clock, Lang.en, is_served=False)
    assert "LV2" in str(refused.value)
    assert "--set 4" in str(refused.value)
    with pytest.raises(BadInput, match="another account"):
        require_the_act(config, "9999", tmp_path, clock, Lang.en, is_served=False)
    with pytest.raises(BadInput, match="another account"):
        require_the_act(config, "9999", tmp_path, clock, Lang.en, is_served=True)
    assert "1234" not in str(refused.value)
    require_the_act(config, "1234", tmp_path, clock, Lang.en, is_served=False)
    require_the_act(config, None, tmp_path, clock, Lang.en, is_served=True)


def test_live_without_the_act_ends_with_status_two_and_leaves_no_folder(tmp_path: Path) -> None:
    keys(tmp_path)
    folder = tmp_path / "account"
    words = ["live", "--folder", str(folder), "--kis-config", str(tmp_path / "kis_devlp.yaml"), "--lang", "en"]
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli.main", *words],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "trades real money" in done.stderr
    assert not folder.exists()


def test_a_served_market_has_keys_of_the_environment_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="No clock"):
        keys_and_time("live", tmp_path / "a", "http://127.0.0.1:1", None, "system")
    text = (tmp_path / "a" / "kis_devlp.yaml").read_text(encoding="utf-8")
    assert "my_acct_stock" in text
    assert "paper_app" not in text


def test_a_level_that_asks_for_nothing_says_so(tmp_path: Path) -> None:
    folder = account(tmp_path / "a", "paper")
    with open_ledger(folder / "ledger.db", SimulatedClock(NOW)) as ledger:
        values = {"level": 1, "expires": None, "evidence": []}
        record_supervision(ledger, Supervision(time=NOW, what=What.LEVEL, who="tester", reason="look", values=values))
    assert "LV2 propose, no orders asks for nothing but the command" in run("level", str(folder), "--lang", "en")


@pytest.mark.parametrize("world", ["127.0.0.1:8700", "http://127.0.0.1:8700/world", "http://", "8700"])
def test_a_world_without_an_address_is_refused_and_leaves_nothing_behind(tmp_path: Path, world: str) -> None:
    with pytest.raises(BadInput, match=r"--world .*http://127\.0\.0\.1:8700"):
        keys_and_time("paper", tmp_path / "a", world, None, "system")
    assert not (tmp_path / "a").exists()


def test_an_account_of_one_world_does_not_go_on_in_another(tmp_path: Path) -> None:
    for world, match in (("http://127.0.0.1:1", "No clock"), ("http://127.0.0.1:2", "127.0.0.1:1.*--world says")):
        with pytest.raises(Exception, match=match):
            keys_and_time("paper", tmp_path, world, None, "system")


def test_a_mistyped_clock_is_refused_beside_a_world_too(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--clock 'wrld'"):
        keys_and_time("paper", tmp_path, "http://127.0.0.1:1", None, "wrld")


def test_the_last_beat_tells_the_time_of_the_trader(tmp_path: Path) -> None:
    assert last_beat(tmp_path, SystemClock()) is None
    heart = Heartbeat(tmp_path)
    heart.beat(NOW)
    beat = last_beat(tmp_path, SystemClock())
    assert beat is not None
    assert beat.is_alive
    assert NOW <= beat.now < NOW + timedelta(minutes=1)
    heart.end(NOW)
    ended = last_beat(tmp_path, SystemClock())
    assert ended is not None
    assert not ended.is_alive


def test_a_trader_that_has_died_does_not_live_because_the_machine_s_clock_goes_back(tmp_path: Path) -> None:
    Heartbeat(tmp_path).beat(NOW)
    tomorrow = (SystemClock().now() + timedelta(days=1)).timestamp()
    os.utime(tmp_path / "heartbeat", (tomorrow, tomorrow))
    beat = last_beat(tmp_path, SystemClock())
    assert beat is not None
    assert not beat.is_alive
    assert beat.now == NOW


def test_processes_that_make_the_control_file_at_once_all_ask(tmp_path: Path) -> None:
    together = 8
    for round_number in range(5):
        folder = tmp_path / str(round_number)
        with ThreadPoolExecutor(together) as pool:
            numbers = list(
                pool.map(lambda _, place=folder: ControlFile(place).ask("halt", "x", {}, NOW), range(together))
            )
        assert sorted(numbers) == list(range(1, together + 1))
        assert len(ControlFile(folder).unanswered()) == together


def test_a_control_file_that_was_moved_away_is_made_anew_and_heard(tmp_path: Path) -> None:
    ear, mouth = ControlFile(tmp_path), ControlFile(tmp_path)
    mouth.ask("halt", "x", {"reason": "one"}, NOW)
    assert [each.parameters["reason"] for each in ear.news()] == ["one"]
    assert ear.news() == []
    for path in tmp_path.glob("control.db*"):
        path.rename(tmp_path / f"old-{path.name}")
    mouth.ask("halt", "x", {"reason": "two"}, NOW)
    assert [each.parameters["reason"] for each in ear.news()] == ["two"]
    ear.close()
