"""Known at: what comes after a decision changes nothing that its prompt says, with and without a mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from brokers.graph_replay import run_graph
from engine.clock import KST, SimulatedClock
from engine.data.panel import Panel
from engine.ledger.ledger import open_ledger
from engine.ledger.trades import trades_between
from engine.planning.deciles import Deciles
from engine.planning.leak_scan import GuardedAsks
from engine.planning.masking import Mask
from engine.planning.opening import names_of
from engine.planning.view import PLAIN
from engine.rules.tree import RuleSet
from tests.engine.operating.builders_graph import busy_rules, limits
from tests.planner_world import Model, planner, take_every_signal
from tests.planning.builders_mask import take_every_signal_by_weight


def keys(
    panel: Panel, *, masked: bool, rules: RuleSet | None = None, latency_bars: int | None = None
) -> dict[str, str]:
    """Key of the first question of every decision, which is the hash of its prompt."""
    mask = Mask(names_of(panel), 9, Deciles(panel)) if masked else None
    model = Model(take_every_signal_by_weight if masked else take_every_signal)
    asking = planner(GuardedAsks(model, mask), rules or busy_rules(), mask or PLAIN)  # type: ignore[arg-type]
    run_graph(busy_rules(), panel, limits(max_positions=4), planner=asking, latency_bars=latency_bars)
    return dict(zip(model.decisions, (request.key for request in model.asked), strict=True))


def decisions(panel: Panel) -> list[str]:
    moments = (datetime.fromtimestamp(int(ns) / 1e9, KST) for ns in panel.closed_at_ns)
    return [f"{moment:%Y-%m-%dT%H:%M}" for moment in moments]


def shaken(panel: Panel, row: int, generator: np.random.Generator) -> Panel:
    """Every value of the bars after a row is another one: prices, volumes, base prices, numbers of shares."""
    bars, base = panel.bars.copy(), panel.base.copy()
    factor = generator.integers(80, 125, size=bars.shape[1:])
    bars[:4, row + 1 :] = np.maximum(bars[:4, row + 1 :] * factor[row + 1 :] // 100, 1)
    bars[4, row + 1 :] = bars[4, row + 1 :] * generator.integers(2, 9, size=bars.shape[1:])[row + 1 :]
    base[row + 1 :] = np.maximum(base[row + 1 :] * factor[row + 1 :] // 100, 1)
    shares = None if panel.shares is None else panel.shares.copy()
    if shares is not None:
        shares[row + 1 :] = shares[row + 1 :] * 3
    return replace(panel, bars=bars, base=base, shares=shares)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("row", [40, 120, 200])
def test_bars_after_the_decision_change_no_prompt_before_it(panel: Panel, masked: bool, row: int) -> None:
    before, after = keys(panel, masked=masked), keys(shaken(panel, row, np.random.default_rng(row)), masked=masked)
    known = [name for name in decisions(panel)[: row + 1] if name in before]
    assert len(known) > row // 2
    assert [before[name] for name in known] == [after[name] for name in known]
    later = [name for name in before if name in after and name > known[-1]]
    changed = sum(before[name] != after[name] for name in later)
    assert changed > 0.9 * len(later) > 20  # the shaking is felt as soon as it is known


def test_a_change_on_the_row_of_the_decision_is_seen(panel: Panel) -> None:
    row = 120
    moved = shaken(panel, row - 1, np.random.default_rng(0))
    name = decisions(panel)[row]
    assert keys(panel, masked=True)[name] != keys(moved, masked=True)[name]


def test_a_late_plan_is_made_from_what_was_known_at_its_cycle(panel: Panel) -> None:
    row = 100
    before = keys(panel, masked=False, latency_bars=2)
    after = keys(shaken(panel, row, np.random.default_rng(1)), masked=False, latency_bars=2)
    known = [name for name in decisions(panel)[: row + 1] if name in before]
    assert [before[name] for name in known] == [after[name] for name in known]


def test_the_end_of_the_data_changes_no_prompt_before_it(panel: Panel) -> None:
    """Names that are delisted later, sessions to come and the length of the run are of later."""
    delisted = replace(
        panel,
        last_row=np.minimum(panel.last_row, 180),
        delisted_known=np.ones_like(panel.delisted_known),
    )
    before, after = keys(panel, masked=True), keys(delisted, masked=True)
    known = [name for name in decisions(panel)[:150] if name in before]
    assert len(known) > 75
    assert [before[name] for name in known] == [after[name] for name in known]


def test_when_a_rule_was_written_is_not_told(panel: Panel) -> None:
    rules = busy_rules()
    later = replace(rules, rules=tuple(replace(rule, added="2026-11-20") for rule in rules.rules))
    assert keys(panel, masked=False, rules=later) == keys(panel, masked=False, rules=rules)


def rewrite_outcomes(path: Path, change: Callable[[str, float], float]) -> None:
    """Other outcomes in the file, as a function of the time at which each became known."""
    end = datetime(2030, 1, 1, tzinfo=KST)
    with open_ledger(path, SimulatedClock(end)) as ledger, ledger.writing() as connection:
        rows = connection.execute("SELECT trade_id, horizon_days, known_at, return_percent FROM outcomes").fetchall()
        for trade_id, horizon, known_at, percent in rows:
            connection.execute(
                "UPDATE outcomes SET return_percent = ? WHERE trade_id = ? AND horizon_days = ?",
                (change(known_at, percent), trade_id, horizon),
            )


def test_outcomes_do_not_exist_before_their_time(panel: Panel, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    run = run_graph(busy_rules(), panel, limits(max_positions=4), path)
    assert run.run_id is not None
    start = datetime(2000, 1, 1, tzinfo=KST)
    moment = datetime.fromtimestamp(int(panel.closed_at_ns[150]) / 1e9, KST)

    def read() -> list[tuple[int, float | None, float | None]]:
        with open_ledger(path, SimulatedClock(datetime(2030, 1, 1, tzinfo=KST))) as ledger:
            found = trades_between(ledger, start, moment, as_of=moment, run_id=run.run_id or 0)
        return [(trade.trade_id, trade.pnl_7_days, trade.pnl_30_days) for trade in found]

    before = read()
    assert sum(week is not None for _, week, _ in before) > 10
    assert any(week is None for _, week, _ in before) or any(month is None for _, _, month in before)
    stamp = moment.isoformat(timespec="microseconds")
    rewrite_outcomes(path, lambda known_at, percent: percent if known_at <= stamp else percent + 50)
    assert read() == before
    rewrite_outcomes(path, lambda known_at, percent: percent + 50)
    assert read() != before
