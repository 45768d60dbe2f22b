"""What a sweep says about its best variant: noise is called luck, and a real difference is not."""

from __future__ import annotations

import numpy as np
import pytest

from engine.config import BacktestConfig
from engine.metrics.deflated_sharpe import expected_maximum
from engine.metrics.trial_clusters import cluster_trials
from engine.metrics.undefined import Undefined
from engine.research.sweep import OUTSIDE, Sweep
from engine.research.sweep_summary import SweepSummary, summarize_sweep
from engine.research.sweep_table import Evaluated, chunk_frame
from engine.research.trial_count import TrialCount
from engine.rules.grid import parse_grid
from engine.rules.messages import Text
from engine.rules.prompt import load_rules_text
from engine.track import Track

RULES = load_rules_text(
    "## 투자 원칙 및 규칙\n### Entry Criteria: surge\n**규칙**: 산다\n"
    "**조건**: `volume_ratio(20) >= 1.5`\n**행동**: `buy 10% of equity`\n**우선순위**: 5/10\n"
)
SESSIONS = 1_000


def summary_of(
    returns: np.ndarray,
    axes: tuple[str, ...] = ("surge.1=1:10:1", "surge.2=1:10:1"),
    base: int = 3,
    without: tuple[int, ...] = (),
) -> SweepSummary:
    """Returns (sessions, variants), the last column the unchanged rules where `base` is `OUTSIDE`."""
    grid = parse_grid(RULES, axes)
    sweep = Sweep(rules=RULES, grid=grid, places=range(grid.size), config=BacktestConfig())
    numbers = [*range(grid.size), *([OUTSIDE] if base == OUTSIDE else [])]
    rows = [
        Evaluated(number=number, point=grid.point(number), reason=Text("뜻 없음", "no meaning"))
        if number in without
        else Evaluated(
            number=number,
            point={} if number == OUTSIDE else grid.point(number),
            rules_hash=f"{number:064d}",
            track=track_of(returns[:, place]),
        )
        for place, number in enumerate(numbers)
    ]
    table = chunk_frame(rows, grid, base=base, cash_won=100, periods=252)
    ran = [place for place, number in enumerate(numbers) if number not in without]
    base_column = numbers.index(base)
    clusters = cluster_trials(returns[:, ran] - returns[:, [base_column]], 0.5)
    trials = TrialCount(raw=len(ran), effective=clusters.effective_trials, threshold=0.5, clusters=clusters)
    return summarize_sweep(table, sweep, trials, periods=252)


def track_of(returns: np.ndarray) -> Track:
    fills = int(np.count_nonzero(returns))
    return Track(
        returns=returns,
        orders=fills,
        fills=fills,
        trades=fills,
        wins=0,
        final_equity_won=100 * float(np.prod(1 + returns)),
        costs_won=0.0,
        refused=0,
    )


def noise(columns: int, seed: int = 5, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 0.01, (SESSIONS, columns))


def test_the_best_of_noise_is_what_luck_gives() -> None:
    returns = noise(100)
    found = summary_of(returns)
    assert found.luck is not None
    own = found.luck.own
    # The best of a hundred useless rules shows about 2.5 standard errors, which are 0.5 a year here.
    assert own.trials == 100
    assert own.expected == pytest.approx(expected_maximum(100) / SESSIONS**0.5 * 252**0.5, rel=0.2)
    assert own.measured == pytest.approx(found.table["sharpe"].max())
    assert 0.1 < own.probability < 0.9  # type: ignore[operator]
    assert found.luck.lead is not None
    assert found.luck.lead.trials == found.luck.count.effective
    assert not isinstance(found.overfitting, Undefined)
    assert found.overfitting.pbo > 0.2
    assert found.neighbourhood is not None
    assert found.neighbourhood.form == "spike"


def test_a_region_that_really_earns_is_a_plateau_and_no_luck() -> None:
    returns = noise(100, seed=6)
    hill = np.exp(-(((np.arange(10)[:, None] - 5) ** 2 + (np.arange(10) - 4) ** 2) / 8)).ravel()
    found = summary_of(returns + 0.0018 * hill)
    assert found.best_row is not None
    assert np.abs(np.array(divmod(found.best_row, 10)) - (5, 4)).max() <= 2
    luck = found.luck
    assert luck is not None
    assert luck.lead is not None
    assert luck.own.probability > 0.95  # type: ignore[operator]
    assert luck.own.measured > luck.own.expected
    assert luck.lead.measured > luck.lead.expected
    assert not isinstance(found.overfitting, Undefined)
    assert found.overfitting.pbo < 0.1
    assert found.neighbourhood is not None
    assert found.neighbourhood.form in ("plateau", "slope")
    assert found.neighbourhood.kept > 0.5  # type: ignore[operator]


def test_the_lead_is_the_daily_difference_among_the_trials_of_the_ledger() -> None:
    market = noise(1, seed=7, mean=0.001)
    returns = market + 0.1 * noise(100, seed=8)
    found = summary_of(returns)
    luck, best = found.luck, found.best_row
    assert luck is not None
    assert luck.lead is not None
    assert best is not None
    difference = returns[:, best] - returns[:, 3]
    assert luck.lead.measured == pytest.approx(difference.mean() / difference.std(ddof=1) * 252**0.5)
    assert luck.lead.trials == luck.count.effective
    few = luck.count.effective < 10
    useless = expected_maximum(luck.lead.trials, 1 / (SESSIONS - 1)) * 252**0.5
    assert (luck.lead.expected == pytest.approx(useless)) if few else (luck.lead.expected >= useless)


def test_unchanged_rules_that_are_the_best_have_no_lead() -> None:
    returns = noise(100)
    returns[:, 3] += 0.003
    found = summary_of(returns)
    assert (found.base_rank, found.best_row) == (1, 3)
    assert found.luck is not None
    assert found.luck.lead is None
    assert found.luck.own.probability > 0.95  # type: ignore[operator]


def test_ranking_puts_the_unchanged_rules_among_the_others() -> None:
    returns = noise(100)
    returns[:, 40] += 0.002
    returns[:, 3] -= 0.002
    returns[:, 60] = 0.0
    found = summary_of(returns, without=(7,))
    assert found.best_row == 40
    sharpe = found.table["sharpe"].to_numpy()
    assert np.all(np.diff(sharpe[list(found.ranking)]) <= 0)
    assert (found.base_row, found.base_rank) == (3, 98)
    assert (found.evaluated, found.without_meaning, found.silent) == (99, 1, 1)
    assert 60 not in found.ranking
    assert found.table["variant"].to_list() == list(range(100))


def test_unchanged_rules_outside_the_grid_are_ranked_but_have_no_place_on_the_map() -> None:
    returns = noise(101)
    returns[:, 100] += 0.003
    found = summary_of(returns, base=OUTSIDE)
    # The chunk puts them first: -1 comes before 0.
    assert (found.base_row, found.best_row, found.base_rank) == (0, 0, 1)
    (picture,) = found.maps
    assert picture.base is None
    assert found.neighbourhood is not None
    assert found.neighbourhood.best == pytest.approx(found.table["sharpe"][1:].max())


def test_three_constants_give_a_cut_through_the_best_and_the_medians() -> None:
    returns = noise(60)
    returns[:, 33] += 0.003
    found = summary_of(returns, axes=("surge.1=1:3:1", "surge.2=1:4:1", "surge.3=1%:5%:1%"))
    cut, medians = found.maps
    assert (len(cut.fixed), len(medians.fixed)) == (1, 0)
    assert cut.best is not None
    assert cut.cells[cut.best] == pytest.approx(found.table["sharpe"].max())


def test_one_constant_has_a_profile_and_no_map() -> None:
    found = summary_of(noise(10), axes=("surge.1=1:10:1",))
    assert found.maps == ()
    assert found.profiles[0].medians.tolist() == pytest.approx(found.table["sharpe"].to_list())


def test_where_nothing_traded_nothing_is_chosen() -> None:
    found = summary_of(np.zeros((SESSIONS, 100)))
    assert (found.best_row, found.luck, found.base_rank) == (None, None, None)
    assert found.neighbourhood is not None
    assert found.neighbourhood.form == "flat"
    everything = tuple(range(100))
    nothing = summary_of(np.zeros((SESSIONS, 101)), base=OUTSIDE, without=everything)
    assert (nothing.evaluated, nothing.neighbourhood, nothing.maps, nothing.profiles) == (1, None, (), ())
    assert isinstance(nothing.overfitting, Undefined)
