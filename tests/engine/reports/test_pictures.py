"""Points, scales and pictures."""

from __future__ import annotations

import re
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.reports.charts import Line, area, drawdown_picture, equity_picture, exposure_picture, path
from engine.reports.histogram import binned, return_histogram
from engine.reports.points import paired_points, picture_points, thin
from engine.reports.scale import Scale, fit, round_ticks, time_ticks
from tests.builders_result import make_result


@pytest.fixture(scope="module")
def points():
    return picture_points(make_result(sessions=300))


@given(st.lists(st.floats(1, 1e9), min_size=1, max_size=400), st.integers(4, 60))
def test_thinning_keeps_the_extremes_and_both_ends(values, most):
    equity = np.array(values)
    fall = equity / np.maximum.accumulate(equity) - 1
    kept = thin(equity, fall, most)
    assert kept[0] == 0
    assert kept[-1] == len(equity) - 1
    assert (np.diff(kept) > 0).all()
    assert equity[kept].max() == equity.max()
    assert equity[kept].min() == equity.min()
    assert fall[kept].min() == fall.min()
    assert len(kept) <= max(most + 1, 5) or len(kept) == len(equity)


def test_the_benchmark_starts_where_the_rated_range_starts():
    result = make_result(sessions=300, warmup=30)
    points = picture_points(result)
    assert points.warmup_end == 30
    assert points.benchmark[29] == pytest.approx(points.start_equity)
    index = result.equity["benchmark"].to_numpy()
    assert points.benchmark[-1] / points.start_equity == pytest.approx(index[-1] / index[29])


def test_bars_inside_a_day_become_one_point_with_the_deepest_fall():
    result = make_result(sessions=2_000)
    points = picture_points(result, most=400)
    assert 200 < len(points.position) <= 404
    full = picture_points(result, most=10_000)
    assert points.drawdown.min() == full.drawdown.min()


def test_two_runs_share_one_time_axis():
    short, long = make_result(sessions=100), make_result(sessions=150)
    left, right = paired_points(short, long)
    assert left.sessions == right.sessions
    assert left.all_sessions == long.equity["session"].to_list()
    assert np.isnan(left.equity[-1])
    assert np.isfinite(right.equity).all()


@given(
    st.floats(-1e9, 1e9, allow_nan=False),
    st.floats(1e-3, 1e9, allow_nan=False),
    st.integers(2, 8),
)
def test_round_ticks_lie_inside_and_are_evenly_spaced(low, size, count):
    high = low + size
    if high - low < abs(low) * 1e-6:
        return
    ticks = round_ticks(low, high, count)
    assert len(ticks) <= count + 2
    assert all(low - size * 1e-6 <= tick <= high + size * 1e-6 for tick in ticks)
    if len(ticks) > 2:
        assert np.allclose(np.diff(ticks), ticks[1] - ticks[0], rtol=1e-3)


def test_a_log_scale_gives_equal_room_to_equal_ratios():
    scale = Scale(low=1, high=100, bottom=200, top=0, log=True)
    assert scale(10) == pytest.approx(100)
    assert scale.ticks() == [1, 2, 5, 10, 20, 50, 100]


def test_a_flat_line_gets_a_scale():
    for values in ([5.0, 5.0], [0.0], [-3.0]):
        scale = fit(values, 100, 0)
        assert 0 < scale(values[0]) < 100
    assert fit([7.0], 100, 0, log=True)(7.0) == pytest.approx(50, abs=10)


@pytest.mark.parametrize("days", [1, 2, 10, 40, 250, 2_500, 9_000])
def test_the_time_axis_has_a_few_labels_for_any_length(days):
    sessions = [date(1999, 1, 4) + timedelta(days=offset) for offset in range(days)]
    ticks = time_ticks(sessions, "ko")
    assert 1 <= len(ticks) <= 9
    assert all(0 <= position < days for position, _ in ticks)


def test_a_gap_in_a_curve_is_not_bridged(points):
    values = points.equity.copy()
    values[10:12] = np.nan
    drawn = path(points, values, Scale(low=0, high=float(np.nanmax(values)), bottom=100, top=0))
    assert drawn.count("M") == 2
    assert drawn.count("L") == len(values) - 2 - 2


def test_an_area_starts_and_ends_at_zero(points):
    scale = Scale(low=-1, high=0, bottom=100, top=0)
    drawn = area(points, points.drawdown, scale)
    heights = re.findall(r"[ML][\d.]+ ([\d.]+)", drawn)
    assert heights[0] == heights[-1] == "0.0"
    assert drawn.endswith("Z")


def test_names_in_pictures_are_escaped(points):
    lines = [Line(values=points.equity, style="own", label="<script>")]
    picture = equity_picture(points, lines, "ko", log=False)
    assert "<script>" not in picture
    assert "&lt;script&gt;" in picture


def test_pictures_hold_no_undefined_number(points):
    lines = [Line(values=points.equity, style="own", label="a")]
    falls = [Line(values=points.drawdown, style="fall", label="a")]
    for picture in (
        equity_picture(points, lines, "ko", log=False),
        equity_picture(points, lines, "en", log=True),
        drawdown_picture(points, falls, "ko"),
        exposure_picture(points, "en"),
        return_histogram(np.array([0.1, -0.05, 0.0, 3.0]), "ko"),
    ):
        assert "nan" not in picture
        assert "inf" not in picture


def test_the_histogram_counts_every_trade_once_and_zero_as_no_win():
    returns = np.array([0.0, 0.001, -0.001, 0.3, -0.3, 0.02, 9.0])
    counts, edges = binned(returns)
    assert counts.sum() == len(returns)
    assert len(edges) == len(counts) + 1
    half = len(counts) // 2
    assert edges[half] == 0
    assert counts[:half].sum() == (returns <= 0).sum()
    assert return_histogram(np.array([]), "ko") == ""
