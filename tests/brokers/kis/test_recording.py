"""The recorder on real files: what was flushed survives, a half file breaks no reader, gaps stand in the recording."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from brokers.kis.realtime import IndexTick
from brokers.kis.realtime_fields import BOOK, INDEX, NOTICE, TRADE
from brokers.kis.recording import Recorder, RecordingSettings, read_recording
from brokers.kis.stream_reports import Gap, GapReason, LinkChange, LinkState
from brokers.kis.subscriptions import Subscription
from engine.clock import SimulatedClock
from engine.errors import BadInput, DataError
from engine.order import Side
from tests.builders_kis_stream import NINE, make_book, make_notice, make_trade
from tests.builders_panel import flat, make_panel
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys

ROOT = Path(__file__).parents[3]
DAY = NINE.date()
LONG = RecordingSettings(flush_seconds=1e9, rotate_seconds=1e9)


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def recorder(folder: Path, settings: RecordingSettings = LONG, seconds: Seconds | None = None) -> Recorder:
    return Recorder(folder, SimulatedClock(NINE), settings, seconds or Seconds())


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*-*.*") if path.is_file())


def test_every_kind_comes_back_as_it_was(tmp_path):
    trades = [make_trade(total, side=Side.BUY if total % 20 else None, trading_strength=98.5) for total in (10, 20, 30)]
    book, notice = make_book(), make_notice(account="1234567801", customer="hts_login_77", owner="홍길동")
    index = IndexTick(INDEX, "0001", NINE, NINE, 2_500.5, -3.25, None, 2_510.0, 2_490.0, 7, 8, 400, 300, 50)
    with recorder(tmp_path) as writing:
        writing.take([*trades, book, notice, index, LinkChange(state=LinkState.CONNECTED, at=NINE)])
        assert writing.records == 6
    read = read_recording(tmp_path, DAY)
    assert [tuple(row[name] for name in ("price", "cumulative_volume", "side")) for row in read.to_dicts()] == [
        (trade.price, trade.cumulative_volume, trade.side.value if trade.side else None) for trade in trades
    ]
    assert read["time"].to_list() == [trade.time for trade in trades]
    (row,) = read_recording(tmp_path, DAY, "books").to_dicts()
    assert (tuple(row["asks"]), tuple(row["bid_sizes"]), row["ticker"]) == (book.asks, book.bid_sizes, book.ticker)
    (row,) = read_recording(tmp_path, DAY, "notices").to_dicts()
    assert (row["order_number"], row["quantity"], row["filled"]) == (
        notice.order_number,
        notice.quantity,
        notice.filled,
    )
    assert read_recording(tmp_path, DAY, "indices").to_dicts()[0]["open"] is None
    assert read_recording(tmp_path, DAY, "gaps").is_empty()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*.parquet"))
    for secret in ("1234567801", "hts_login_77", "홍길동"):
        assert secret.encode() not in written
        assert secret not in str(read_recording(tmp_path, DAY, "notices").to_dicts())


def test_rows_are_on_the_disk_after_the_flush_interval_and_readable_while_recording(tmp_path):
    seconds = Seconds()
    settings = RecordingSettings(flush_seconds=2.0, rotate_seconds=1e9)
    with recorder(tmp_path, settings, seconds) as writing:
        writing.take([make_trade(10)])
        seconds.now = 1.9
        writing.take([make_trade(20)])
        with pytest.raises(DataError, match="no recording"):
            read_recording(tmp_path, DAY)
        seconds.now = 2.0
        writing.take([])
        assert read_recording(tmp_path, DAY)["cumulative_volume"].to_list() == [10, 20]
        writing.take([make_trade(30)])
        assert read_recording(tmp_path, DAY).height == 2


def test_many_rows_are_written_before_the_interval_is_over(tmp_path):
    settings = RecordingSettings(flush_seconds=1e9, most_rows=100, rotate_seconds=1e9)
    with recorder(tmp_path, settings) as writing:
        writing.take(make_trade(10 * number) for number in range(1, 251))
        assert read_recording(tmp_path, DAY).height == 200
    assert read_recording(tmp_path, DAY).height == 250


def test_files_change_with_time_size_and_day(tmp_path):
    seconds = Seconds()
    settings = RecordingSettings(flush_seconds=1.0, rotate_seconds=10.0, rotate_bytes=100_000)
    tomorrow = NINE + timedelta(days=1)
    with recorder(tmp_path, settings, seconds) as writing:
        for number in range(1, 30):
            seconds.now += 1.0
            writing.take([make_trade(10 * number)])
        by_time = len(files(tmp_path))
        assert by_time == 3
        seconds.now += 1.0
        writing.take(make_trade(1_000 + 7 * number * number) for number in range(30_000))  # more than fits
        assert [name for name in files(tmp_path) if name.endswith("arrows")] == []
        seconds.now += 1.0
        writing.take([make_trade(9_900_000_000), make_trade(10, time=tomorrow, received_at=tomorrow)])
        seconds.now += 1.0
        writing.take([])
        assert all(name.endswith("parquet") for name in files(tmp_path) if f"day={DAY}" in name)
    assert read_recording(tmp_path, DAY).height == 29 + 30_000 + 1
    assert read_recording(tmp_path, tomorrow.date()).height == 1
    assert read_recording(tmp_path, DAY)["cumulative_volume"].is_sorted()


def test_a_file_that_was_cut_anywhere_gives_its_whole_batches_and_is_mended(tmp_path):
    seconds = Seconds()
    settings = RecordingSettings(flush_seconds=1.0, rotate_seconds=1e9)
    writing = recorder(tmp_path, settings, seconds)
    sizes = []
    (path,) = [tmp_path / f"day={DAY}" / "trades-0001.arrows"]
    for number in range(1, 6):
        seconds.now += 1.0
        writing.take([make_trade(10 * number)])
        sizes.append(path.stat().st_size)
    whole = path.read_bytes()
    writing.close()
    for cut in range(0, len(whole) + 1, 257):
        folder = tmp_path / f"cut-{cut}"
        broken = folder / f"day={DAY}" / "trades-0001.arrows"
        broken.parent.mkdir(parents=True)
        broken.write_bytes(whole[:cut])
        expected = [10 * number for number in range(1, 6) if sizes[number - 1] <= cut]
        assert read_recording(folder, DAY)["cumulative_volume"].to_list() == expected
        with recorder(folder) as again:
            assert again.mended == 1
            again.take([make_trade(999)])
        assert read_recording(folder, DAY)["cumulative_volume"].to_list() == [*expected, 999]
        assert [name for name in files(folder) if name.endswith("arrows")] == []


def test_gaps_stand_in_the_recording_without_the_hts_id_and_a_pause_of_ours_is_one(tmp_path):
    names = (Subscription(TRADE, "005930"), Subscription(BOOK, "005930"), Subscription(NOTICE, "hts_login_77"))
    until = NINE + timedelta(seconds=3)
    with recorder(tmp_path) as writing:
        writing.take([make_trade(10)])
        gap = Gap(reason=GapReason.DISCONNECTED, subscriptions=names, since=NINE, until=until, lost=None)
        jump = Gap(reason=GapReason.JUMP, subscriptions=names[:1], since=NINE, until=until, lost=40)
        writing.take([gap, jump])
    later = SimulatedClock(NINE + timedelta(minutes=5))
    with Recorder(tmp_path, later, LONG, Seconds()):
        pass
    rows = read_recording(tmp_path, DAY, "gaps").to_dicts()
    assert [(row["reason"], row["ticker"], row["lost"]) for row in rows] == [
        ("disconnected", "005930", None),
        ("disconnected", "005930", None),
        ("disconnected", "***", None),
        ("jump", "005930", 40),
        ("not recording", "", None),
    ]
    assert (rows[-1]["since"], rows[-1]["until"]) == (NINE, NINE + timedelta(minutes=5))


def test_one_folder_has_one_recorder_and_wrong_questions_are_told(tmp_path):
    with recorder(tmp_path), pytest.raises(DataError, match="Another process"):
        recorder(tmp_path)
    with pytest.raises(BadInput, match="say trades"):
        read_recording(tmp_path, DAY, "ticks")
    with pytest.raises(DataError, match="none at all"):
        read_recording(tmp_path / "nowhere", DAY)
    with pytest.raises(BadInput, match="positive"):
        RecordingSettings(flush_seconds=0)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_the_command_records_a_session_and_survives_being_killed(tmp_path, ending):
    panel = make_panel({"005930": flat(10_000, 4), "000660": flat(20_000, 4)})
    folder, day = tmp_path / "recording", date(2024, 3, 5)
    with make_server(panel) as server, Client(server, "live") as client:
        client.advance(until="morning")  # a stepped world jumps, and what arrives then bears the day before
        path = write_server_keys(tmp_path, server, client)
        line = [sys.executable, "-m", "engine.cli.main", "data", "record", str(folder), "--tickers", "005930,000660"]
        line += ["--flush", "0.05", "--env", "live", "--kis-config", str(path), "--clock", "world", "--lang", "en"]
        surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "GEOUL_CACHE": str(tmp_path / "cache")}
        for run in range(2):
            process = subprocess.Popen(
                line, env=surroundings, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            heard = server.server.stream._heard
            wait_for(lambda: sum(len(sockets) for sockets in heard.values()) == 5, process)  # noqa: B023
            client.advance(until="open" if not run else "step")
            client.order("buy", "005930", 1, 9_000)
            wait_for(lambda run=run: recorded(folder, day, "trades") >= 2 * (run + 1), process)
            wait_for(lambda run=run: recorded(folder, day, "notices") > run, process)
            process.send_signal(ending)
            output, _ = process.communicate()
            assert process.returncode == (-signal.SIGKILL if ending is signal.SIGKILL else 0), output
            wait_for(lambda: server.server.stream.sockets == 0)
    read = read_recording(folder, day)
    assert set(read["ticker"]) == {"005930", "000660"}
    assert read.group_by("ticker", "cumulative_volume").len()["len"].max() == 1
    assert read_recording(folder, day, "books").height > 0
    assert "not recording" in read_recording(folder, day, "gaps")["reason"].to_list()


def recorded(folder: Path, day: date, kind: str) -> int:
    try:
        return read_recording(folder, day, kind).height
    except DataError:
        return 0


def wait_for(condition, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline and process is not None:
            process.kill()
        assert time.monotonic() < deadline, process and process.communicate()
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)
