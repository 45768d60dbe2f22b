"""A Ray cluster of several machines gives the answers of one process, whatever dies in the middle."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.data.sample import make_sample
from engine.errors import BadInput, BrokenInvariant, RuleError, WorkerLost
from engine.research import ray_workers
from engine.research.ray_workers import RayCluster, bytes_outside, plain_arrays
from engine.research.software import software
from engine.research.workers import InProcess, PanelSource, open_workers
from tests.market_tasks import (
    Piece,
    fail_stubbornly,
    import_nothing,
    kernel_folder,
    numbers,
    place_of_bars,
    refuse,
    tracks,
)
from tests.other_processes import is_running, noted_processes, wait_until

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[3]
PIECES = [Piece((first, first + 1)) for first in range(2, 34, 2)]  # more than wait at a time

DRIVER = """
import sys
from pathlib import Path
from engine.research.workers import PanelSource, open_workers
from tests.market_tasks import wait_for_ever
if __name__ == "__main__":
    with open_workers(PanelSource(folder=Path(sys.argv[1])), ray=sys.argv[3]) as workers:
        list(workers.map(wait_for_ever, [Path(sys.argv[2])] * 20))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> PanelSource:
    """Five years of 500 instruments: 40 MB."""
    folder = tmp_path_factory.mktemp("market") / "daily"
    make_sample(folder, tickers=500, years=5, seed=5)
    return PanelSource(folder=folder)


@pytest.fixture(scope="module")
def expected(source: PanelSource) -> list[bytes]:
    """What one process answers."""
    return answer_bytes(InProcess(source.load()).map(tracks, PIECES))


def answer_bytes(answers) -> list[bytes]:
    return [pickle.dumps(answer) for answer in answers]


def test_one_process_a_pool_and_a_cluster_give_the_same_bytes(cluster, source, expected):
    assert len(set(expected)) > len(expected) // 2  # pieces that trade alike would hide a wrong order
    with open_workers(source, processes=2) as pool:
        assert answer_bytes(pool.map(tracks, PIECES)) == expected
    with open_workers(source, processes=2, ray=cluster.address) as workers:
        assert isinstance(workers, RayCluster)
        assert answer_bytes(workers.map(tracks, PIECES)) == expected


def test_a_worker_that_dies_in_the_middle_is_replaced(cluster, source, expected, tmp_path):
    pieces = [Piece(piece.windows, tmp_path, deaths=number in (3, 7)) for number, piece in enumerate(PIECES)]
    with RayCluster(cluster.address, source) as workers:
        assert answer_bytes(workers.map(tracks, pieces)) == expected
    assert {3, 7} == {number for number, piece in enumerate(pieces) if (tmp_path / f"{piece.windows[0]}-1").exists()}


def test_a_machine_that_dies_in_the_middle_costs_nothing_but_time(cluster, third_machine, source, expected, tmp_path):
    held = [Piece(piece.windows, tmp_path, holds=True) for piece in PIECES[:3]]  # one for each machine
    with RayCluster(cluster.address, source) as workers:
        answers = workers.map(tracks, [*held, *PIECES[3:]])
        collected: list[bytes] = []
        reader = threading.Thread(target=lambda: collected.extend(answer_bytes(answers)))
        reader.start()
        wait_until(lambda: len(noted_processes(tmp_path)) == 3)
        processes = noted_processes(tmp_path)
        cluster.remove_node(third_machine, allow_graceful=False)
        # A process outlives its machine's raylet for a moment, in which its piece could still be answered.
        wait_until(lambda: sum(map(is_running, processes)) == 2)
        (tmp_path / "go").touch()
        reader.join()
    assert collected == expected
    assert len(list(tmp_path.glob("*-1"))) == 1  # one piece was begun a second time


def test_a_piece_that_kills_every_worker_ends_the_run(cluster, source, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_workers, "RETRIES", 1)
    with (
        RayCluster(cluster.address, source) as workers,
        pytest.raises(WorkerLost, match="begun 2 times on the cluster and never ended"),
    ):
        list(workers.map(tracks, [Piece((50,), tmp_path, deaths=1_000)]))


def test_the_market_lies_once_on_each_machine_and_is_read_there_without_a_copy(cluster, source):
    with RayCluster(cluster.address, source) as workers:
        places = set(workers.map(place_of_bars, range(40)))
    assert all(place.shared and not place.writable for place in places)
    assert len({place.machine for place in places}) == len(places) <= 2


def test_a_panel_is_handed_on_in_whole(source):
    panel = source.load()
    arrays: list[pickle.PickleBuffer] = []
    inside = pickle.dumps(plain_arrays(panel), protocol=5, buffer_callback=arrays.append)
    again = pickle.loads(inside, buffers=[array.raw() for array in arrays])
    assert np.shares_memory(again.bars, panel.bars)
    assert len(inside) < panel.bars.nbytes // 100
    assert bytes_outside(plain_arrays(panel)) > panel.bars.nbytes + panel.state.nbytes + panel.base.nbytes
    assert again.manifest == panel.manifest
    assert again.instruments.equals(panel.instruments)
    assert again.tickers == panel.tickers


def test_an_answer_may_be_written_to(cluster, source):
    with RayCluster(cluster.address, source) as workers:
        for array in workers.map(numbers, [3, 300_000]):
            array[0] = 7
            assert array[0] == 7


def test_an_error_of_a_task_arrives_as_it_was_raised(cluster, source):
    with pytest.raises(RuleError) as alone:
        list(InProcess(source.load()).map(refuse, ["smma"]))
    with RayCluster(cluster.address, source) as workers:
        with pytest.raises(RuleError) as caught:
            list(workers.map(refuse, ["smma"]))
        with pytest.raises(BrokenInvariant, match="Stubborn in a worker process: 7 and 8"):
            list(workers.map(fail_stubbornly, [7]))
    assert type(caught.value) is type(alone.value)
    assert str(caught.value) == str(alone.value)
    assert vars(caught.value) == vars(alone.value)


def test_a_machine_with_other_programs_is_refused_by_name(cluster, source, monkeypatch):
    monkeypatch.setattr(ray_workers, "software", lambda: replace(software(), numpy="1.0"))
    with (
        RayCluster(cluster.address, source) as workers,
        pytest.raises(BadInput, match=rf"{socket.gethostname()}.*numpy {np.__version__} there, 1.0 here"),
    ):
        list(workers.map(tracks, PIECES))


def test_a_machine_that_lacks_a_library_is_told_apart_from_a_fault(cluster, source):
    with (
        RayCluster(cluster.address, source) as workers,
        pytest.raises(BadInput, match=r"lacks a part of Geoul .*nowhere"),
    ):
        list(workers.map(import_nothing, [0]))


def test_who_stops_reading_may_ask_for_something_else(cluster, source, expected):
    with RayCluster(cluster.address, source) as workers:
        for read in range(20):
            answers = workers.map(numbers, [2] * 60)
            for _ in range(read):
                next(answers)
            answers.close()
        assert answer_bytes(workers.map(tracks, PIECES[:2])) == expected[:2]


def test_workers_keep_compiled_code_where_the_user_wants_it(cluster, source, tmp_path, monkeypatch):
    monkeypatch.setenv("GEOUL_CACHE", str(tmp_path))
    with RayCluster(cluster.address, source) as workers:
        assert next(workers.map(kernel_folder, [0])).is_relative_to(tmp_path)


def test_a_connection_of_the_user_is_used_and_left_alone(cluster, source, expected):
    import ray  # noqa: PLC0415  (an optional library)

    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        with RayCluster(cluster.address, source.load()) as workers:
            assert answer_bytes(workers.map(tracks, PIECES[:2])) == expected[:2]
        assert ray.is_initialized()
    finally:
        ray.shutdown()


def test_ctrl_c_leaves_no_piece_running_or_waiting(cluster, source, tmp_path):
    script = tmp_path / "driver.py"
    script.write_text(DRIVER, encoding="utf-8")
    diary = tmp_path / "diary"
    diary.mkdir()
    driver = subprocess.Popen(
        [sys.executable, str(script), str(source.folder), str(diary), cluster.address],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: len(noted_processes(diary)) == 2 or driver.poll() is not None)
    processes = noted_processes(diary)
    assert len(processes) == 2
    driver.send_signal(signal.SIGINT)
    assert driver.wait(timeout=60) == -signal.SIGINT
    wait_until(lambda: not any(is_running(process) for process in processes))
    assert len(noted_processes(diary)) == 2  # nothing that waited was begun
