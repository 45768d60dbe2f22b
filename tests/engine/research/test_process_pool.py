"""A pool of processes gives the answers of one process, replaces what dies, and leaves nothing behind."""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.data.sample import make_sample
from engine.errors import BadInput, BrokenInvariant, DataError, RuleError, WorkerLost
from engine.research import workers
from engine.research.process_pool import ProcessPool
from engine.research.worker_process import LOCK, first_compiles_alone
from engine.research.workers import InProcess, PanelSource, open_workers
from tests.market_tasks import Piece, fail_stubbornly, refuse, tracks
from tests.other_processes import is_running, noted_processes, wait_until

ROOT = Path(__file__).parents[3]
PIECES = [Piece((first, first + 1)) for first in range(2, 26, 2)]  # more than wait at a time

DRIVER = """
import sys
from pathlib import Path
from engine.research.process_pool import ProcessPool
from engine.research.workers import PanelSource
from tests.market_tasks import wait_for_ever
if __name__ == "__main__":
    with ProcessPool(PanelSource(folder=Path(sys.argv[1])), 2) as pool:
        list(pool.map(wait_for_ever, [Path(sys.argv[2])] * 20))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> PanelSource:
    """A year of eight instruments."""
    folder = tmp_path_factory.mktemp("market") / "daily"
    make_sample(folder, tickers=8, years=1, seed=5)
    return PanelSource(folder=folder)


@pytest.fixture(scope="module")
def expected(source: PanelSource) -> list[bytes]:
    """What one process answers."""
    return answer_bytes(InProcess(source.load()).map(tracks, PIECES))


@pytest.fixture(scope="module")
def pool(source: PanelSource) -> Iterator[ProcessPool]:
    """Two processes, for the tests that leave them whole."""
    with ProcessPool(source, 2) as pool:
        yield pool


def answer_bytes(answers) -> list[bytes]:
    return [pickle.dumps(answer) for answer in answers]


def test_the_answers_are_those_of_one_process_to_the_byte_and_in_order(pool, expected):
    assert len(set(expected)) > len(expected) // 2  # pieces that trade alike would hide a wrong order
    assert answer_bytes(pool.map(tracks, PIECES)) == expected
    assert answer_bytes(pool.map(tracks, PIECES[::-1])) == expected[::-1]


def test_a_worker_that_dies_in_the_middle_is_replaced(pool, expected, tmp_path):
    pieces = [Piece(piece.windows, tmp_path, deaths=number in (3, 7)) for number, piece in enumerate(PIECES)]
    assert answer_bytes(pool.map(tracks, pieces)) == expected
    assert (tmp_path / f"{pieces[3].windows[0]}-1").exists()  # the second attempt
    assert answer_bytes(pool.map(tracks, PIECES[:3])) == expected[:3]  # the pool is whole again


def test_a_piece_that_kills_every_worker_ends_the_run_after_the_answers_before_it(source, expected, tmp_path):
    pieces = [*PIECES[:2], Piece((50,), tmp_path, deaths=1_000), *PIECES[2:]]
    found = []
    with ProcessPool(source, 2) as pool, pytest.raises(WorkerLost, match="--processes 1"):
        for answer in pool.map(tracks, pieces):
            found.append(answer)
    assert answer_bytes(found) == expected[:2]


def test_an_error_of_a_task_arrives_as_it_was_raised(pool, source):
    with pytest.raises(RuleError) as alone:
        list(InProcess(source.load()).map(refuse, ["smma"]))
    with pytest.raises(RuleError) as caught:
        list(pool.map(refuse, ["smma"]))
    assert type(caught.value) is type(alone.value)
    assert str(caught.value) == str(alone.value)
    assert vars(caught.value) == vars(alone.value)


def test_an_error_that_cannot_be_sent_is_told_in_words(pool):
    with pytest.raises(BrokenInvariant, match="Stubborn in a worker process: 7 and 8"):
        list(pool.map(fail_stubbornly, [7]))


def test_a_market_that_is_not_there_is_named(tmp_path):
    with ProcessPool(PanelSource(folder=tmp_path / "nowhere"), 2) as pool, pytest.raises(DataError, match="nowhere"):
        list(pool.map(tracks, PIECES))


def test_whoever_stops_reading_waits_for_nobody(source, tmp_path):
    diary = tmp_path / "diary"
    diary.mkdir()
    with ProcessPool(source, 2) as pool:
        answers = pool.map(tracks, [Piece(piece.windows, diary) for piece in PIECES])
        next(answers)
        answers.close()
    assert not any(is_running(process) for process in noted_processes(diary))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_one_that_asked(source, tmp_path, how):
    script = tmp_path / "driver.py"
    script.write_text(DRIVER, encoding="utf-8")
    diary = tmp_path / "diary"
    diary.mkdir()
    driver = subprocess.Popen(
        [sys.executable, str(script), str(source.folder), str(diary)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: len(noted_processes(diary)) == 2 or driver.poll() is not None)
    processes = noted_processes(diary)
    assert all(is_running(process) for process in processes) and len(processes) == 2
    driver.send_signal(how)
    _, said = driver.communicate(timeout=60)
    wait_until(lambda: not any(is_running(process) for process in processes))
    assert driver.returncode == -how
    assert said.count("Traceback") == (1 if how == signal.SIGINT else 0)  # the workers themselves are silent


def test_one_process_compiles_while_others_wait(tmp_path, monkeypatch):
    monkeypatch.setenv("GEOUL_CACHE", str(tmp_path))  # no machine code there
    monkeypatch.setattr("engine.research.worker_process._ready", NeverReady())
    with first_compiles_alone(), (tmp_path / LOCK).open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (tmp_path / LOCK).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_nobody_waits_where_the_machine_code_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("GEOUL_CACHE", str(tmp_path))
    monkeypatch.setattr("engine.research.worker_process._ready", NeverReady())
    monkeypatch.setattr("engine.kernel_cache.is_warm", lambda: True)
    with first_compiles_alone():
        assert not (tmp_path / LOCK).exists()


def test_one_process_or_one_core_means_this_process(source, monkeypatch):
    assert isinstance(open_workers(source, processes=1), InProcess)
    with open_workers(source, processes=3) as three:
        assert isinstance(three, ProcessPool) and three.processes == 3
    monkeypatch.setattr(workers, "available_cores", lambda: 1)
    assert isinstance(open_workers(source), InProcess)


def test_small_work_stays_here_unless_processes_are_asked_for(source, monkeypatch):
    monkeypatch.setattr(workers, "available_cores", lambda: 2)
    panel = source.load()
    assert isinstance(open_workers(source, panel, small=True), InProcess)
    with open_workers(source, panel, small=False) as two, open_workers(source, panel, processes=3, small=True) as three:
        assert isinstance(two, ProcessPool) and two.processes == 2
        assert isinstance(three, ProcessPool) and three.processes == 3


def test_more_processes_than_the_cores_can_use_are_refused(source, monkeypatch):
    monkeypatch.setattr(workers, "available_cores", lambda: 2)
    assert workers.worker_count(8) == 8
    with pytest.raises(BadInput, match="--processes 9 is too many: 2 cores take up to 8"):
        open_workers(source, processes=9)


def test_a_source_may_name_its_instruments(source):
    ticker = source.load().tickers[2]
    assert PanelSource(folder=source.folder, tickers=(ticker,)).load().tickers == (ticker,)


class NeverReady:
    """The state of a process that has not finished a task."""

    def is_set(self) -> bool:
        return False

    def set(self) -> None:
        return None
