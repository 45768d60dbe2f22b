"""Levels of autonomy: what is bought without asking, what going up asks for, and falling back by itself."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from engine.clock import KST, SimulatedClock, SystemClock
from engine.errors import BadInput
from engine.events import CashMoved, CashReason
from engine.krx.sessions import offset_session, session_close
from engine.ledger.canonical import stamp
from engine.ledger.equity import EquityPoint, record_equity
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.supervision import Supervision, What, record_supervision, supervisions
from engine.ledger.verify import verify
from engine.order import OrderRequest, RefusalReason, Side
from engine.trading.autonomy import Grant, Level, expiry_of, require_possible
from engine.trading.control import ControlFile
from engine.trading.level_evidence import MOST_DRAWDOWN, evidence_for, largest_drawdown
from engine.trading.mirror_store import MirrorStore
from engine.trading.mirrored_day import Cause, DayMirror
from engine.trading.supervision_book import SupervisionBook
from engine.trading.supervisor import Supervisor
from tests.kis_client import make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_prompt

START = datetime(2026, 3, 2, 9, 0, tzinfo=KST)
FIRST = date(2026, 3, 3)
BUY = OrderRequest(ticker="005930", side=Side.BUY, quantity=1, decision_id="one")
SELL = OrderRequest(ticker="005930", side=Side.SELL, quantity=1)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(START)


def account(folder: Path, clock: SimulatedClock, equities: tuple[float, ...] = ()) -> Ledger:
    """A ledger with a deposit and closed sessions."""
    ledger = open_ledger(folder / "ledger.db", clock)
    ledger.append(CashMoved(time=START, reason=CashReason.DEPOSIT, amount=1_000_000))
    for number, equity in enumerate(equities):
        day = offset_session(FIRST, number)
        point = EquityPoint(session=day, time=session_close(day), cash=equity, holdings=0, equity=equity, positions=0)
        record_equity(ledger, point)
    return ledger


def mirrored(folder: Path, count: int, *, explained: bool = True) -> None:
    days = [
        DayMirror(
            session=offset_session(FIRST, number),
            decision_id="",
            decision=Cause.NONE if explained else Cause.UNEXPLAINED,
            orders=(),
        )
        for number in range(count)
    ]
    MirrorStore(folder).keep(days)


def supervisor(folder: Path, ledger: Ledger, clock: SimulatedClock, environment: str = "live") -> Supervisor:
    return Supervisor(SupervisionBook(folder, ledger, clock, environment, tell=lambda line: None, lang="en"))


def ask_level(folder: Path, level: int, **parameters: object) -> int:
    values = {"level": level, "reason": "a test", "is_healthy": True, **parameters}
    return ControlFile(folder).ask("level", "tester", values, START)


def held_back(watching: Supervisor) -> RefusalReason | None:
    refused = watching.check(BUY)
    assert watching.check(SELL) is None  # exits act at every level
    return refused.reason if refused is not None else None


def test_a_new_paper_account_trades_and_a_new_live_one_proposes(tmp_path: Path, clock: SimulatedClock) -> None:
    with account(tmp_path, clock) as ledger:
        paper = supervisor(tmp_path, ledger, clock, "paper")
        live = supervisor(tmp_path, ledger, clock, "live")
        assert (paper.level, held_back(paper)) == (Level.PAPER, None)
        assert (live.level, held_back(live)) == (Level.PROPOSE, RefusalReason.AUTONOMY_LEVEL)
        paper.close()
        live.close()


@pytest.mark.parametrize(("environment", "impossible"), [("paper", (4, 5, 6)), ("live", (3, 0))])
def test_an_account_cannot_have_the_levels_of_the_other_kind(environment: str, impossible: tuple[int, ...]) -> None:
    for level in impossible:
        with pytest.raises(BadInput, match="cannot be at"):
            require_possible(level, environment, "en")


def test_going_up_to_real_money_asks_for_a_month_on_paper_that_a_replay_explains(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    live, paper = tmp_path / "live", tmp_path / "paper"
    with account(paper, clock, (1_000_000.0,) * 19):
        pass
    mirrored(paper, 20, explained=False)
    with account(live, clock) as ledger:
        watching = supervisor(live, ledger, clock)
        answers = ControlFile(live)
        without = ask_level(live, 4)
        short = ask_level(live, 4, paper=str(paper))
        watching.look()
        assert "--paper" in answers.request(without).answer
        told = answers.request(short)
        assert not told.done
        assert "sessions on paper: 19 of 20" in told.answer
        assert "sessions in a row that a replay explains: 0 of 20" in told.answer
        assert held_back(watching) is RefusalReason.AUTONOMY_LEVEL

        with open_ledger(paper / "ledger.db", clock) as books:
            day = offset_session(FIRST, 19)
            record_equity(
                books,
                EquityPoint(session=day, time=session_close(day), cash=1e6, holdings=0, equity=1e6, positions=0),
            )
        mirrored(paper, 20)
        ill = ask_level(live, 4, paper=str(paper), is_healthy=False)
        watching.look()
        assert "doctor" in answers.request(ill).answer
        granted = ask_level(live, 4, paper=str(paper))
        watching.look()
        assert answers.request(granted).done, answers.request(granted).answer
        assert watching.level == Level.APPROVAL
        assert held_back(watching) is RefusalReason.AUTONOMY_LEVEL  # no plan has been approved
        entry = supervisions(ledger.connection)[-1]
        assert (entry.what, entry.who, entry.reason, entry.time) == (What.LEVEL, "tester", "a test", START)
        assert len(entry.values["evidence"]) == 5
        assert entry.values["expires"] == stamp(START + timedelta(days=30))
        assert verify(ledger.connection) == ()
        watching.close()


def at_level(folder: Path, clock: SimulatedClock, level: Level, equities: tuple[float, ...] = ()) -> Ledger:
    ledger = account(folder, clock, equities)
    values: dict[str, object] = {"level": level.value, "expires": stamp(START + timedelta(days=30)), "evidence": []}
    record_supervision(ledger, Supervision(time=START, what=What.LEVEL, who="tester", reason="x", values=values))
    return ledger


def test_trading_alone_asks_for_twenty_live_sessions_without_an_unexplained_difference(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    with at_level(tmp_path, clock, Level.APPROVAL, (1_000_000.0,) * 20) as ledger:
        watching = supervisor(tmp_path, ledger, clock)
        mirrored(tmp_path, 19)
        early = ask_level(tmp_path, 5)
        watching.look()
        assert "19 of 20" in ControlFile(tmp_path).request(early).answer
        mirrored(tmp_path, 20)
        granted = ask_level(tmp_path, 5, days=10)
        watching.look()
        assert ControlFile(tmp_path).request(granted).done, ControlFile(tmp_path).request(granted).answer
        assert (watching.level, held_back(watching)) == (Level.ALONE, None)
        clock.advance(timedelta(days=10))
        assert (watching.level, held_back(watching)) == (Level.PROPOSE, RefusalReason.AUTONOMY_LEVEL)
        watching.look()
        assert supervisions(ledger.connection)[-1].who == "geoul"
        watching.close()
        again = supervisor(tmp_path, ledger, clock)
        assert again.level is Level.PROPOSE
        again.close()


def test_a_difference_that_nothing_explains_ends_trading_alone(tmp_path: Path, clock: SimulatedClock) -> None:
    with at_level(tmp_path, clock, Level.ALONE) as ledger:
        watching = supervisor(tmp_path, ledger, clock)
        mirrored(tmp_path, 3)
        watching.review()
        assert watching.level is Level.ALONE
        mirrored(tmp_path, 4, explained=False)
        watching.review()
        assert (watching.level, held_back(watching)) == (Level.PROPOSE, RefusalReason.AUTONOMY_LEVEL)
        codes = [code for (code,) in ledger.connection.execute("SELECT code FROM alerts")]
        assert codes == ["level_fell_back"]
        watching.fall_back("once more")  # there is nothing to fall from
        assert len(supervisions(ledger.connection)) == 2
        watching.close()


def test_losses_beyond_the_limit_end_a_level_with_real_money(tmp_path: Path, clock: SimulatedClock) -> None:
    deep = 1_000_000 * (1 - MOST_DRAWDOWN) - 1
    with at_level(tmp_path, clock, Level.APPROVAL, (1_000_000.0, deep)) as ledger:
        watching = supervisor(tmp_path, ledger, clock)
        watching.review()
        assert watching.level is Level.PROPOSE
        assert "drawdown" in supervisions(ledger.connection)[-1].reason
        watching.close()


def test_money_that_is_paid_out_is_no_loss() -> None:
    def point(number: int, equity: float) -> EquityPoint:
        day = offset_session(FIRST, number)
        return EquityPoint(session=day, time=session_close(day), cash=equity, holdings=0, equity=equity, positions=0)

    points = [point(0, 1_000_000), point(1, 500_000), point(2, 450_000)]
    out = CashMoved(
        time=session_close(offset_session(FIRST, 1)) - timedelta(hours=1), reason=CashReason.WITHDRAWAL, amount=-500_000
    )
    assert largest_drawdown(points, [out]) == pytest.approx(0.1)
    assert largest_drawdown(points, []) == pytest.approx(0.55)


def test_going_down_asks_for_a_reason_and_nothing_else(tmp_path: Path, clock: SimulatedClock) -> None:
    with at_level(tmp_path, clock, Level.ALONE) as ledger:
        watching = supervisor(tmp_path, ledger, clock)
        silent = ask_level(tmp_path, 1, reason=" ")
        told = ask_level(tmp_path, 1, is_healthy=False)
        watching.look()
        assert not ControlFile(tmp_path).request(silent).done
        assert ControlFile(tmp_path).request(told).done
        assert watching.level is Level.OBSERVE
        watching.close()


def test_no_account_is_asked_for_evidence_below_paper(tmp_path: Path) -> None:
    found = evidence_for(Level.PROPOSE, tmp_path, None, paper=None, is_healthy=False, clock=SystemClock())
    assert found == ()


def test_real_money_is_never_left_to_a_level_for_ever() -> None:
    assert expiry_of(Level.PAPER, START, None) is None
    assert expiry_of(Level.ALONE, START, None) == START + timedelta(days=30)
    with pytest.raises(BadInput, match="1 to 90 days"):
        expiry_of(Level.APPROVAL, START, 91)
    grant = Grant(level=Level.OBSERVE, expires=START)
    assert grant.level_at(START) is Level.OBSERVE  # an end never raises a level


@pytest.mark.parametrize(("level", "codes"), [(Level.OBSERVE, set()), (Level.PROPOSE, {"plan_proposed"})])
def test_below_trading_a_week_sends_no_order_and_proposes_at_level_two(
    tmp_path: Path, level: Level, codes: set[str]
) -> None:
    panel, prompt, folder = market(1, 3), write_prompt(tmp_path), tmp_path / "a"
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, NAMES, SETTINGS, "live", level) as running,
    ):
        for _ in range(3):
            advance(server, running, "evening")
        ledger = running.trading.ledger
        assert ledger.connection.execute("SELECT count(*) FROM orders").fetchone() == (0,)
        assert ledger.connection.execute("SELECT count(*) FROM decisions").fetchone()[0] >= 3
        told = {code for (code,) in ledger.connection.execute("SELECT code FROM alerts")}
        assert told - {"day_report"} == codes
        assert bool(running.trading.supervisor.standing.plans) == bool(codes)


def test_when_a_level_falls_inside_the_day_exits_go_on(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 9), write_prompt(tmp_path), tmp_path / "a"
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, NAMES, SETTINGS) as running,
    ):
        for _ in range(3):
            advance(server, running, "evening")
        ledger = running.trading.ledger
        count = "SELECT count(*) FROM orders WHERE side = ?"
        bought = ledger.connection.execute(count, ("buy",)).fetchone()
        sold = ledger.connection.execute(count, ("sell",)).fetchone()[0]
        held = sum(position.quantity for position in ledger.positions.values())
        running.trading.supervisor.fall_back("a breach in a test")
        for _ in range(6):
            advance(server, running, "evening")
        assert ledger.connection.execute(count, ("buy",)).fetchone() == bought
        assert ledger.connection.execute(count, ("sell",)).fetchone()[0] > sold
        assert sum(position.quantity for position in ledger.positions.values()) < held / 2
