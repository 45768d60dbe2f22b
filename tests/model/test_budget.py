"""Caps: kept over restarts, days, processes and crashes; what is not known counts in full."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.errors import BadInput
from engine.ledger.connection import connect
from engine.model.calls import CallLog
from engine.model.config import Caps
from engine.model.failure import BudgetExhausted, ModelUnavailable
from engine.model.prices import prices_for
from engine.model.spending import open_calls, spending
from engine.model.tokens import most_input_tokens
from tests.builders_transport import NOON, Seconds, make_config, make_request, transport_to
from tests.model_server import ModelServer, good, resets

ROOT = Path(__file__).parents[2]
MOST = most_input_tokens(make_request()) + 2 * 500  # won: 1 per token in, 2 per token out


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(otherwise=lambda question: good("x", input_tokens=100, output_tokens=10)) as running:
        yield running


def caps(**changes: int | None) -> dict[str, int | None]:
    return {"run_won": None, "day_won": None, "week_won": None} | changes


def test_the_cost_is_reserved_before_the_call_and_settled_after_it(server: ModelServer, tmp_path: Path) -> None:
    config = make_config(server.base_url, caps=caps(run_won=MOST + 120))
    with transport_to(config, tmp_path) as transport:
        transport.ask(make_request())
        transport.ask(make_request())  # 120 won spent: the worst case of a second still fits
        with pytest.raises(BudgetExhausted, match=rf"{MOST:,} won, and 240 of the {MOST + 120:,} won for this run"):
            transport.ask(make_request())
    assert len(server.questions) == 2


def test_tokens_have_caps_too(server: ModelServer, tmp_path: Path) -> None:
    most = most_input_tokens(make_request()) + 500
    with transport_to(make_config(server.base_url, caps=caps(day_tokens=most)), tmp_path) as transport:
        transport.ask(make_request())
        with pytest.raises(BudgetExhausted, match="tokens for this day"):
            transport.ask(make_request())


@pytest.mark.parametrize(
    ("cap", "later", "fits"),
    [
        ("run_won", timedelta(0), True),
        ("day_won", timedelta(hours=11, minutes=59), False),
        ("day_won", timedelta(hours=12), True),
        ("week_won", timedelta(days=4, hours=11), False),
        ("week_won", timedelta(days=4, hours=12), True),
    ],
)
def test_caps_outlive_the_process_and_end_with_their_day_or_week(
    server: ModelServer, tmp_path: Path, cap: str, later: timedelta, fits: bool
) -> None:
    config = make_config(server.base_url, caps=caps(**{cap: MOST}))
    with transport_to(config, tmp_path, run="first") as transport:
        transport.ask(make_request())
    with transport_to(config, tmp_path, run="second", seconds=Seconds(NOON + later)) as transport:
        if fits:
            assert transport.ask(make_request()).text == "x"
        else:
            with pytest.raises(BudgetExhausted):
                transport.ask(make_request())


def test_a_lost_answer_counts_in_full_until_the_bill_is_known(server: ModelServer, tmp_path: Path) -> None:
    server.will(resets())
    config = make_config(server.base_url, attempts=1, caps=caps(day_won=MOST + 119))
    with transport_to(config, tmp_path) as transport:
        with pytest.raises(ModelUnavailable):
            transport.ask(make_request())
        with pytest.raises(BudgetExhausted):
            transport.ask(make_request())
        assert transport.calls is not None
        transport.calls.resolve(1, 60)
        assert transport.ask(make_request()).text == "x"
        with pytest.raises(BadInput, match="answered"):
            transport.calls.resolve(2, 0)
        with pytest.raises(BadInput, match="not in the ledger"):
            transport.calls.resolve(99, 0)


def test_a_retry_that_no_longer_fits_is_not_sent(server: ModelServer, tmp_path: Path) -> None:
    server.will(resets())
    config = make_config(server.base_url, caps=caps(run_won=MOST + 1))
    with transport_to(config, tmp_path) as transport, pytest.raises(BudgetExhausted):
        transport.ask(make_request())
    assert len(server.questions) == 1


def test_a_cap_of_nothing_refuses_everything_that_costs(server: ModelServer, tmp_path: Path) -> None:
    config = make_config(server.base_url, caps=caps(week_won=0))
    with transport_to(config, tmp_path) as transport, pytest.raises(BudgetExhausted):
        transport.ask(make_request())
    with transport_to(make_config(server.base_url, price="free", caps=caps(week_won=0)), tmp_path) as transport:
        assert transport.ask(make_request()).cost_won == 0


_RESERVE = """
import sys
from pathlib import Path
from engine.model.calls import CallLog
from engine.model.config import Caps
from engine.model.failure import BudgetExhausted
from tests.builders_transport import Seconds, make_request

calls = CallLog(Path(sys.argv[1]), Seconds().clock, run="shared")
caps = Caps(run_won=None, day_won=1_000, week_won=None)
made = 0
for _ in range(20):
    try:
        calls.reserve(make_request(), "key", "", mode="live", most_won=100, most_tokens=1, caps=caps)
        made += 1
    except BudgetExhausted:
        pass
print(made)
"""


def test_processes_that_reserve_at_once_stay_under_the_cap_together(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _RESERVE, str(tmp_path / "ledger.db")]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    made = [int(process.communicate(timeout=120)[0]) for process in running]
    assert sum(made) == 10
    assert CallLog(tmp_path / "ledger.db", Seconds().clock, run="shared").spent().won == 1_000


def test_a_ledger_that_cannot_be_written_stops_the_call(server: ModelServer, tmp_path: Path) -> None:
    with transport_to(make_config(server.base_url), tmp_path) as transport:
        blocker = connect(tmp_path / "ledger.db", NOON)
        blocker.execute("CREATE TRIGGER full BEFORE INSERT ON llm_calls BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        blocker.close()
        with pytest.raises(Exception, match="disk full") as error:
            transport.ask(make_request())
    assert type(error.value).__name__ == "LedgerError"
    assert server.questions == []


def test_spending_is_told_by_day_week_purpose_and_model(server: ModelServer, tmp_path: Path) -> None:
    for later, purpose in ((0, "plan"), (1, "plan"), (1, "reflect"), (7, "plan")):
        seconds = Seconds(NOON + timedelta(days=later))
        with transport_to(make_config(server.base_url), tmp_path, seconds=seconds) as transport:
            transport.ask(make_request(purpose=purpose))
    server.will(resets())
    with (
        transport_to(make_config(server.base_url, attempts=1), tmp_path) as transport,
        pytest.raises(ModelUnavailable),
    ):
        transport.ask(make_request())
    connection = connect(tmp_path / "ledger.db", NOON, read_only=True)
    days, weeks, lost = spending(connection), spending(connection, weekly=True), open_calls(connection)
    connection.close()
    assert [(f"{line.start:%m-%d}", line.purpose, line.calls, line.won) for line in days] == [
        ("11-25", "plan", 2, 120 + MOST),
        ("11-26", "plan", 1, 120),
        ("11-26", "reflect", 1, 120),
        ("12-02", "plan", 1, 120),
    ]
    assert [(f"{line.start:%m-%d}", line.purpose, line.calls, line.open_won) for line in weeks] == [
        ("11-23", "plan", 3, MOST),
        ("11-23", "reflect", 1, 0),
        ("11-30", "plan", 1, 0),
    ]
    assert [(call.status, call.reserved_won) for call in lost] == [("unknown", MOST)]


def test_calls_are_counted_to_their_run_once_it_has_a_number(server: ModelServer, tmp_path: Path) -> None:
    with transport_to(make_config(server.base_url), tmp_path, run="backtest 7") as transport:
        transport.ask(make_request())
        assert transport.calls is not None
        connection = connect(tmp_path / "ledger.db", NOON)
        connection.execute(
            "INSERT INTO runs (run_id, kind, label, recorded_at, price_scale) VALUES (7, 'backtest', '', '', 1)"
        )
        transport.calls.belongs_to(7)
        assert connection.execute("SELECT run_id FROM llm_calls").fetchall() == [(7,)]
        connection.close()


def test_default_caps_are_set() -> None:
    assert Caps().day_won is not None and Caps().week_won is not None and Caps().run_won is not None
    assert prices_for(make_config()).tariff("local", "small", NOON.date()).most_won(make_request()) == MOST
