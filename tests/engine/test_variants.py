"""Many rule sets run together do what each of them does alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import variants
from engine.backtest import backtest
from engine.errors import ConfigError
from engine.matching import arrays as at
from engine.outcome import build_result
from engine.variants import Variant, run_variants
from tests.lively_rules import any_rules
from tests.random_panels import configs, panels

PATIENT = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def whole(simulation):
    """The run as a `Result`, made before its arrays are given back."""
    result = build_result(simulation, {})
    return result.result_hash, result.equity


@settings(PATIENT, max_examples=40)
@given(data=st.data(), together=st.sampled_from([1, 2, 128]))
def test_a_variant_among_others_gives_the_bytes_that_it_gives_alone(data, together):
    panel = data.draw(panels())
    jobs = [Variant(data.draw(any_rules(panel.interval)), data.draw(configs())) for _ in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variants, "TOGETHER", together)
        found = list(run_variants(jobs, panel, measure=whole))
    for job, (result_hash, equity) in zip(jobs, found, strict=True):
        alone = backtest(job.rules, panel, job.config)
        assert result_hash == alone.result_hash
        assert equity.equals(alone.equity)


@settings(PATIENT, max_examples=30)
@given(data=st.data())
def test_a_track_counts_what_the_tables_of_the_run_show(data):
    panel = data.draw(panels())
    job = Variant(data.draw(any_rules(panel.interval)), data.draw(configs()))
    track = next(iter(run_variants([job], panel)))
    result = backtest(job.rules, panel, job.config)
    sessions = result.equity.group_by("session", maintain_order=True).last()
    equity = sessions["equity"].to_numpy().astype(float)
    before = np.append(float(job.config.cash_won), equity[:-1])
    expected = np.divide(equity - before, before, out=np.zeros_like(equity), where=before > 0)
    assert np.allclose(track.returns, expected, rtol=0, atol=1e-15)
    assert (track.orders, track.fills, track.trades) == (
        result.orders.height,
        result.fills.height,
        result.trades.height,
    )
    assert track.wins == result.trades.filter(result.trades["pnl"] > 0).height
    assert track.final_equity_won == sessions["equity"][-1]


def test_a_group_shares_the_arrays_of_its_market(panel_of_closes):
    panel, rules, config = panel_of_closes
    seen = list(
        run_variants(
            [Variant(rules, config), Variant(rules, config.model_copy(update={"latency_bars": 1}))],
            panel,
            measure=lambda simulation: (simulation.exchange.arrays, simulation.feed),
        )
    )
    (first, feed), (second, same_feed) = seen
    assert feed is same_feed
    assert all(one is other for one, other in zip(first[:-1], second[:-1], strict=True))
    assert first[-1][at.CONFIG_LATENCY_BARS] == 0
    assert second[-1][at.CONFIG_LATENCY_BARS] == 1


def test_rules_of_another_interval_are_refused(panel_of_closes):
    panel, rules, config = panel_of_closes
    with pytest.raises(ConfigError, match="interval"):
        list(run_variants([Variant(rules, config), Variant(replace(rules, interval="7m"), config)], panel))


@pytest.fixture
def panel_of_closes():
    """A small panel, rules for it and a configuration, the first that the random builders give."""
    found = {}

    @settings(PATIENT, max_examples=1, database=None)
    @given(data=st.data())
    def draw(data):
        panel = data.draw(panels())
        found["all"] = panel, data.draw(any_rules(panel.interval)), data.draw(configs())

    draw()
    panel, rules, config = found["all"]
    return panel, rules, config.model_copy(update={"latency_bars": 0})
