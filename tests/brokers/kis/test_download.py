"""History from KIS as a dataset, through the server that speaks KIS: whole, continued, extended, restated."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
import requests

from brokers.kis.config import load_kis_config
from brokers.kis.download import DownloadStopped, DownloadSummary, update_dataset
from brokers.kis.download_journal import Journal
from brokers.kis.errors import NotInPaper
from brokers.kis.rest import KisRest
from brokers.kis.world_clock import WorldClock
from brokers.kis_server.server import ServerThread
from engine.clock import KST, SimulatedClock
from engine.data import catalog
from engine.data.panel import Panel, load_part
from engine.data.quality import check_dataset
from engine.data.sample import make_sample
from engine.errors import BadInput, DataError
from engine.krx.sessions import LAST_DAY, is_session, offset_session, previous_session, sessions_between
from tests.builders_panel import DAY_ONE, flat, make_panel
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys

ROOT = Path(__file__).parents[3]
FIRST, LATE, LATER = date(2023, 1, 2), date(2024, 11, 20), date(2024, 12, 5)
TICKERS = 24


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "market"
    make_sample(folder, tickers=TICKERS, years=2, seed=5)
    return folder


@pytest.fixture(scope="module")
def panel(market: Path) -> Panel:
    return load_part(market, None, None, None, None, allow_gaps=True)


@contextmanager
def serving(
    tmp_path: Path, panel: Panel, today: date, environment: str = "live"
) -> Iterator[tuple[ServerThread, Path]]:
    """A server whose first day is `today`, and a configuration file that points at it."""
    with make_server(panel, start=today) as server:
        client = Client(server, environment)
        client.session.close()
        folder = tmp_path / f"keys-{today}-{environment}"
        folder.mkdir(exist_ok=True)
        yield server, write_server_keys(folder, server, client)


@contextmanager
def account(
    tmp_path: Path, panel: Panel, today: date, environment: str = "live"
) -> Iterator[tuple[KisRest, WorldClock]]:
    """The evening before `today` at KIS."""
    with serving(tmp_path, panel, today, environment) as (server, path):
        options = {"token_folder": tmp_path / "tokens", "calls_per_second": 1000}
        config = load_kis_config(environment, variables={}, path=path, options=options)  # type: ignore[arg-type]
        clock = WorldClock(server.url)
        rest = KisRest(config, clock, sleep=clock.sleep)
        try:
            yield rest, clock
        finally:
            rest.close()
            clock.close()


def bars_of(folder: Path) -> pl.DataFrame:
    root, manifest = catalog.open_dataset(folder)
    return catalog.scan_bars(root, manifest).collect()


def contents(folder: Path) -> dict[str, str]:
    """Every file of a dataset and the hash of its bytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.parent.iterdir() if path.name != folder.name]


@contextmanager
def last_days_of_the_table(tmp_path: Path) -> Iterator[tuple[KisRest, WorldClock, date]]:
    """Three weeks before the last day that our calendar knows; KIS's goes on."""
    last = LAST_DAY if is_session(LAST_DAY) else previous_session(LAST_DAY)
    bars = [(10_000, 10_050, 9_950, 10_000, 5_000)] * 30
    panel = make_panel({"000100": bars}, start=offset_session(last, -30), index=[2_000.0] * 30)
    today = panel.session_date(14)
    machine = SimulatedClock(datetime(today.year, today.month, today.day, 8, tzinfo=KST))
    with make_server(panel, start=today, clock=machine) as server, Client(server, "live").session:
        path = write_server_keys(tmp_path, server, Client(server, "live"))
        options = {"token_folder": tmp_path / "tokens", "calls_per_second": 1000}
        config = load_kis_config("live", variables={}, path=path, options=options)  # type: ignore[arg-type]
        with (
            contextlib.closing(WorldClock(server.url)) as clock,
            contextlib.closing(KisRest(config, clock, sleep=clock.sleep)) as rest,
        ):
            yield rest, clock, panel.session_date(0)


def test_the_last_weeks_of_the_table_are_fetched_though_the_calendar_of_kis_goes_on(tmp_path):
    with last_days_of_the_table(tmp_path) as (rest, clock, first):
        summary = update_dataset(tmp_path / "mine", rest, clock, ["000100"], first)
    assert summary.new_bars == 14
    assert summary.calendar == {}


@pytest.mark.parametrize("fault", ["server_error", "broken_json"])
def test_a_calendar_that_kis_will_not_tell_keeps_no_bars_away(tmp_path, market, panel, fault):
    with account(tmp_path, panel, LATE) as (rest, clock):
        faults = [{"fault": fault, "calls": ["chk_holiday"]}]
        requests.post(f"{rest.config.rest_url}/_world/faults", json=faults, timeout=10)
        summary = update_dataset(tmp_path / "mine", rest, clock, panel.tickers, FIRST)
    assert summary.last == previous_session(LATE)


@pytest.mark.parametrize("environment", ["live", "paper"])
def test_download_gives_the_bars_base_prices_and_actions_of_the_market(tmp_path, market, panel, environment):
    with account(tmp_path, panel, LATE, environment) as (rest, clock):
        summary = update_dataset(tmp_path / "out" / "mine", rest, clock, panel.tickers, FIRST)
        until = clock.now()
    mine, theirs = bars_of(tmp_path / "out" / "mine"), bars_of(market).filter(pl.col("time") <= until)
    assert summary.new_bars == mine.height == theirs.height
    assert (summary.unknown, summary.corrected, summary.last) == ((), 0, previous_session(LATE))
    columns = ["time", "ticker", "close", "volume", "value", "base_price"]
    assert mine.select(columns).equals(theirs.select(columns))
    traded = pl.col("volume") > 0
    prices = ["open", "high", "low"]
    assert mine.filter(traded).select(prices).equals(theirs.filter(traded).select(prices))
    known = ["date", "ticker", "kind", "numerator", "denominator", "cash"]
    expected = catalog.read_actions(market).filter(pl.col("date") <= until.date())
    assert expected.height > 0
    assert catalog.read_actions(tmp_path / "out" / "mine").select(known).equals(expected.select(known))
    told = ["ticker", "name", "market", "product"] + (["listed"] if environment == "live" else [])
    kept = pl.col("ticker").is_in(mine["ticker"].unique().implode())
    assert (
        catalog.read_instruments(tmp_path / "out" / "mine")
        .select(told)
        .equals(catalog.read_instruments(market).filter(kept).select(told))
    )
    index = catalog.read_indices(tmp_path / "out" / "mine")
    for name, series in catalog.read_indices(market).items():
        same = series.filter(pl.col("time") <= until)
        assert (index[name]["close"] - same["close"]).abs().max() < 0.01
    holidays = pl.read_parquet(tmp_path / "out" / "mine" / "holidays.parquet")["date"].to_list()
    assert date(2024, 2, 9) in holidays
    assert not set(holidays) & set(sessions_between(FIRST, LATE))
    assert check_dataset(tmp_path / "out" / "mine").errors == 0
    assert leftovers(tmp_path / "out" / "mine") == []


def test_a_dataset_that_grew_equals_one_that_was_fetched_at_once(tmp_path, panel):
    grown, once = tmp_path / "grown" / "mine", tmp_path / "once" / "mine"
    with account(tmp_path, panel, LATE) as (rest, clock):
        update_dataset(grown, rest, clock, panel.tickers[:6], date(2024, 3, 4), date(2024, 8, 1))
        before = contents(grown)
        summary = update_dataset(grown, rest, clock, end=date(2024, 8, 1))
        assert (summary.new_bars, contents(grown)) == (0, before)
        update_dataset(grown, rest, clock, panel.tickers[:6], FIRST)  # earlier and later days
    with account(tmp_path, panel, LATER) as (rest, clock):
        summary = update_dataset(grown, rest, clock)
        days = len(sessions_between(LATE, previous_session(LATER)))
        assert 0 < summary.new_bars <= days * 6
        update_dataset(grown, rest, clock, panel.tickers[6:])
        update_dataset(once, rest, clock, panel.tickers, FIRST)
    assert contents(grown) == contents(once)


def test_only_missing_days_are_asked_for(tmp_path, panel, monkeypatch):
    asked: list[dict[str, str]] = []
    send = KisRest.call

    def listen(self, name, values=None, **more):
        if name == "inquire_daily_itemchartprice":
            asked.append(dict(values))
        return send(self, name, values, **more)

    monkeypatch.setattr(KisRest, "call", listen)
    with account(tmp_path, panel, LATE) as (rest, clock):
        update_dataset(tmp_path / "mine", rest, clock, panel.tickers[:3], FIRST)
    first, asked[:] = len(asked), []
    with account(tmp_path, panel, LATER) as (rest, clock):
        update_dataset(tmp_path / "mine", rest, clock)
        assert len(asked) == 3 < first
        assert all(values["FID_INPUT_DATE_1"] >= "20240901" for values in asked)
        asked.clear()
        update_dataset(tmp_path / "mine", rest, clock)
    assert asked == []


def test_a_bar_that_had_not_settled_is_corrected(tmp_path):
    bars = {"005930": [(100, 110, 90, 105, 1_000 + day) for day in range(8)]}
    late = make_panel({"005930": [*bars["005930"][:4], (100, 110, 90, 105, 9_999), *bars["005930"][5:]]})
    days = sessions_between(DAY_ONE, date(2024, 4, 1))
    with account(tmp_path, make_panel(bars), days[5]) as (rest, clock):
        update_dataset(tmp_path / "mine", rest, clock, ["005930"], days[0])
    with account(tmp_path, late, days[6]) as (rest, clock):
        summary = update_dataset(tmp_path / "mine", rest, clock)
    assert (summary.corrected, summary.new_bars, summary.fetched_anew) == (1, 1, ())
    assert bars_of(tmp_path / "mine")["volume"].to_list() == [1_000, 1_001, 1_002, 1_003, 9_999, 1_005]


def test_a_split_since_is_noticed_and_the_adjusted_prices_are_fetched_anew(tmp_path):
    bars = {"005930": flat(10_000, 5) + flat(5_000, 4), "000660": flat(20_000, 9)}
    panel = make_panel(bars, splits=[(5, "005930", 2, 1)])
    days = sessions_between(DAY_ONE, date(2024, 4, 1))
    with account(tmp_path, panel, days[4]) as (rest, clock):
        update_dataset(tmp_path / "mine", rest, clock, list(bars), days[0], adjusted=True)
    assert set(bars_of(tmp_path / "mine").filter(pl.col("ticker") == "005930")["close"]) == {10_000}
    with account(tmp_path, panel, days[8]) as (rest, clock):
        summary = update_dataset(tmp_path / "mine", rest, clock)
        update_dataset(tmp_path / "once" / "mine", rest, clock, list(bars), days[0], adjusted=True)
    assert summary.fetched_anew == ("005930",)
    assert set(bars_of(tmp_path / "mine").filter(pl.col("ticker") == "005930")["close"]) == {5_000}
    assert contents(tmp_path / "mine") == contents(tmp_path / "once" / "mine")


def test_a_split_between_an_interruption_and_the_rest_is_noticed(tmp_path):
    bars = {"005930": flat(10_000, 250) + flat(5_000, 10)}
    panel = make_panel(bars, splits=[(250, "005930", 2, 1)])
    days = sessions_between(DAY_ONE, date(2025, 12, 1))
    stop = threading.Event()
    with account(tmp_path, panel, days[240]) as (rest, clock):

        def interrupt(what: str, done: int, total: int) -> None:
            if done >= 100:
                stop.set()

        with pytest.raises(DownloadStopped):
            update_dataset(
                tmp_path / "mine",
                rest,
                clock,
                ["005930"],
                days[0],
                adjusted=True,
                indices=(),
                progress=interrupt,
                stop=stop,
            )
    with account(tmp_path, panel, days[255]) as (rest, clock):
        summary = update_dataset(tmp_path / "mine", rest, clock, ["005930"], days[0], adjusted=True, indices=())
    assert summary.fetched_anew == ("005930",)
    assert bars_of(tmp_path / "mine")["close"].to_list() == [5_000] * 255


def test_today_is_left_out_before_the_close(tmp_path):
    panel = make_panel({"005930": flat(10_000, 6)})
    days = sessions_between(DAY_ONE, date(2024, 4, 1))
    with serving(tmp_path, panel, days[3]) as (server, path), Client(server, "live") as client:
        config = load_kis_config(
            "live", variables={}, path=path, options={"token_folder": tmp_path / "tokens", "calls_per_second": 1000}
        )
        clock = WorldClock(server.url)
        rest = KisRest(config, clock, sleep=clock.sleep)
        client.advance(until="open")
        clock.refresh()
        assert clock.now().date() == days[3]
        summary = update_dataset(tmp_path / "mine", rest, clock, ["005930"], days[0], days[3], indices=())
        assert (summary.last, summary.manifest.last) == (days[2], days[2])
        client.advance(until="evening")
        clock.refresh()
        summary = update_dataset(tmp_path / "mine", rest, clock, indices=())
        assert (summary.new_bars, summary.manifest.last) == (1, days[3])
        rest.close()
        clock.close()


def test_minutes_come_by_sessions_with_base_prices_and_grow(tmp_path):
    bars = {"005930": [(100, 110, 90, 105), (106, 110, 100, 101), (50, 55, 45, 52), (53, 54, 50, 51)]}
    panel = make_panel(bars, splits=[(2, "005930", 2, 1)], base={(2, "005930"): 50})
    days = sessions_between(DAY_ONE, date(2024, 4, 1))
    grown, once = tmp_path / "grown" / "mine", tmp_path / "once" / "mine"
    with account(tmp_path, panel, days[2]) as (rest, clock):
        update_dataset(grown, rest, clock, ["005930"], days[0], interval="1m", indices=())
    with account(tmp_path, panel, days[3]) as (rest, clock):
        summary = update_dataset(grown, rest, clock, indices=())
        update_dataset(once, rest, clock, ["005930"], days[0], interval="1m", indices=())
    assert summary.manifest.interval == "1m"
    assert contents(grown) == contents(once)
    minutes = bars_of(grown).with_columns(pl.col("time").dt.date().alias("day"))
    daily = minutes.group_by("day", maintain_order=True).agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("base_price").last(),
    )
    assert daily.select("open", "high", "low", "close").rows() == bars["005930"][:3]
    assert daily["base_price"].to_list()[1:] == [105, 50]
    actions = catalog.read_actions(grown)
    assert actions.select("date", "numerator", "denominator").rows() == [(days[2], 2, 1)]


def test_paper_has_minutes_of_today_only_and_says_so(tmp_path):
    panel = make_panel({"005930": flat(10_000, 6)})
    days = sessions_between(DAY_ONE, date(2024, 4, 1))
    with account(tmp_path, panel, days[3], "paper") as (rest, clock):
        with pytest.raises(NotInPaper, match="quotes: live"):
            update_dataset(tmp_path / "mine", rest, clock, ["005930"], days[0], interval="1m", indices=())
        summary = update_dataset(tmp_path / "other", rest, clock, ["005930"], days[2], interval="1m", indices=())
    assert summary.manifest.first == summary.manifest.last == days[2]


def test_names_that_kis_does_not_know_are_told_and_leave_no_trace(tmp_path):
    panel = make_panel({"005930": flat(10_000, 6)})
    days = sessions_between(DAY_ONE, date(2024, 4, 1))
    with account(tmp_path, panel, days[3]) as (rest, clock):
        summary = update_dataset(tmp_path / "mine", rest, clock, ["005930", "999999"], days[0], indices=())
        assert summary.unknown == ("999999",)
        assert summary.manifest.tickers == 1
        with pytest.raises(DataError, match="999999"):
            update_dataset(tmp_path / "none", rest, clock, ["999999"], days[0], indices=())
        assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tickers": None, "start": DAY_ONE}, "Which tickers"),
        ({"tickers": ["005930"], "start": None}, "From which day"),
        ({"tickers": ["5930"], "start": DAY_ONE}, "no KRX ticker"),
        ({"tickers": ["005930"], "start": date(2024, 6, 3)}, "no session from there on is finished"),
        ({"tickers": ["005930"], "start": DAY_ONE, "interval": "5m"}, "1d and 1m"),
        ({"tickers": ["005930"], "start": DAY_ONE, "interval": "1m", "adjusted": True}, "as they were traded"),
    ],
)
def test_impossible_questions_are_refused(tmp_path, arguments, message):
    days = sessions_between(DAY_ONE, date(2024, 4, 1))
    panel = make_panel({"005930": flat(10_000, 6)})
    with account(tmp_path, panel, days[3]) as (rest, clock), pytest.raises(BadInput, match=message):
        update_dataset(tmp_path / "mine", rest, clock, **arguments)
    assert not (tmp_path / "mine").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path, market):
    days = sessions_between(DAY_ONE, date(2024, 4, 1))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("mine")
    with account(tmp_path, make_panel({"005930": flat(10_000, 6)}), days[3]) as (rest, clock):
        for folder in (tmp_path / "notes", market):
            before = contents(folder)
            with pytest.raises(DataError, match="was not made by"):
                update_dataset(folder, rest, clock, ["005930"], days[0])
            assert contents(folder) == before
        update_dataset(tmp_path / "mine", rest, clock, ["005930"], days[0], indices=())
        with pytest.raises(DataError, match="cannot become"):
            update_dataset(tmp_path / "mine", rest, clock, adjusted=True)


def command(path: Path, cache: Path, folder: Path, tickers: list[str]) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "engine.cli.main", "data", "download", str(folder), "--tickers", ",".join(tickers)]
    line += ["--from", str(FIRST), "--env", "live", "--kis-config", str(path), "--clock", "world", "--lang", "en"]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "GEOUL_CACHE": str(cache)}
    return subprocess.Popen(line, env=surroundings, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def pages_on_disk(folder: Path) -> int:
    journal = folder.with_name(f".{folder.name}.download")
    count = 0
    for path in journal.glob("*.jsonl"):
        with contextlib.suppress(FileNotFoundError):  # the download has just ended
            count += path.read_bytes().count(b"\n")
    return count


@pytest.mark.parametrize(("ending", "times"), [(signal.SIGKILL, 2), (signal.SIGINT, 1)])
def test_a_download_that_was_killed_goes_on_and_ends_with_the_same_bytes(tmp_path, panel, ending, times):
    tickers = list(panel.tickers[:12])
    killed, whole = tmp_path / "killed" / "mine", tmp_path / "whole" / "mine"
    killed.parent.mkdir()
    pages: list[int] = []
    with serving(tmp_path, panel, LATE) as (_server, path):
        for _ in range(times):
            target = pages_on_disk(killed) + 4
            process = command(path, tmp_path / "cache", killed, tickers)
            deadline = time.monotonic() + 60
            while pages_on_disk(killed) < target and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            process.send_signal(ending)
            output, _ = process.communicate()
            assert process.returncode == (-signal.SIGKILL if ending is signal.SIGKILL else 130), output
            assert not killed.exists()
            pages.append(pages_on_disk(killed))
        assert pages[0] >= 4
        assert pages == sorted(set(pages))  # nothing is lost and each run adds to it
        journal = killed.with_name(".mine.download")
        with (journal / f"daily-{tickers[0]}.jsonl").open("ab") as file:
            file.write(b'{"from":"2023-01-02","to":"20')  # a page that was cut short
        process = command(path, tmp_path / "cache", killed, tickers)
        output, _ = process.communicate()
        assert process.returncode == 0, output
    with account(tmp_path, panel, LATE) as (rest, clock):
        update_dataset(whole, rest, clock, tickers, FIRST)
    assert contents(killed) == contents(whole)
    assert leftovers(killed) == []


class PowerCut(BaseException):
    """The machine stops here."""


@pytest.mark.parametrize("step", range(1, 5))
def test_the_machine_may_stop_at_any_step_of_replacing_the_dataset(tmp_path, panel, monkeypatch, step):
    folder, once = tmp_path / "mine", tmp_path / "once" / "mine"
    with account(tmp_path, panel, LATE) as (rest, clock):
        update_dataset(folder, rest, clock, panel.tickers[:2], date(2024, 8, 1))
    before = contents(folder)
    taken = 0

    def stopping(real: Callable[..., object]) -> Callable[..., object]:
        def act(*arguments: object, **more: object) -> object:
            nonlocal taken
            taken += 1
            if taken == step:
                raise PowerCut
            return real(*arguments, **more)

        return act

    with account(tmp_path, panel, LATER) as (rest, clock):
        with monkeypatch.context() as patch:
            patch.setattr("brokers.kis.download_journal.os.replace", stopping(os.replace))
            patch.setattr(Journal, "discard", stopping(Journal.discard))
            with pytest.raises(PowerCut):
                update_dataset(folder, rest, clock)
        Journal(folder).recover()
        assert contents(folder) == before or step > 1
        summary = update_dataset(folder, rest, clock)
        update_dataset(once, rest, clock, panel.tickers[:2], date(2024, 8, 1))
    assert summary.manifest.last == previous_session(LATER)
    assert contents(folder) == contents(once)
    assert not (tmp_path / ".mine.download").exists()


def test_two_downloads_into_one_folder_do_not_meet(tmp_path, panel):
    with account(tmp_path, panel, LATE) as (rest, clock):
        seen: list[str] = []

        def second(what: str, done: int, total: int) -> None:
            if not seen:
                seen.append("asked")
                with pytest.raises(DataError, match="Another process"):
                    update_dataset(tmp_path / "mine", rest, clock, panel.tickers[:1], date(2024, 8, 1))
                seen.append("refused")

        summary = update_dataset(tmp_path / "mine", rest, clock, panel.tickers[:1], date(2024, 8, 1), progress=second)
    assert seen == ["asked", "refused"]
    assert isinstance(summary, DownloadSummary)
