"""Which constants matter, and whether the best is a plateau or a spike, on surfaces whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from engine.research.sweep_shape import bins_of, heat_map, neighbourhood, profiles
from engine.rules.grid import Axis, parse_grid
from engine.rules.prompt import load_rules_text

RULES = load_rules_text(
    "## 투자 원칙 및 규칙\n### Entry Criteria: surge\n**규칙**: 산다\n"
    "**조건**: `volume_ratio(20) >= 1.5`\n**행동**: `buy 10% of equity`\n**우선순위**: 5/10\n"
)


def axes_of(*sizes: int) -> tuple[Axis, ...]:
    texts = [f"surge.{place}" for place in (1, 2, 3)]
    ranges = [f"{text}=1:{size}:1" for text, size in zip(texts[:2], sizes[:2], strict=False)]
    ranges += [f"{texts[2]}=1%:{size}%:1%" for size in sizes[2:]]
    return parse_grid(RULES, ranges).axes


def every_place(*sizes: int) -> np.ndarray:
    return np.array(list(np.ndindex(*sizes)), dtype=np.int64)


def test_a_smooth_hill_is_a_plateau_and_a_single_peak_a_spike() -> None:
    places = every_place(21, 21)
    distance = np.abs(places - [10, 12]).max(axis=1)
    hill = 1.0 - 0.05 * distance
    best = int(hill.argmax())
    found = neighbourhood(axes_of(21, 21), places, hill, best, complete=True)
    assert (found.form, found.edges) == ("plateau", ())
    assert [(ring.distance, ring.count, ring.median) for ring in found.rings[:2]] == [
        (1, 8, pytest.approx(0.95)),
        (2, 16, pytest.approx(0.90)),
    ]
    middle = np.median(hill)
    assert found.kept == pytest.approx((0.95 - middle) / (1.0 - middle))

    peak = np.where(distance == 0, 1.0, 0.2)
    found = neighbourhood(axes_of(21, 21), places, peak, best, complete=True)
    assert (found.form, found.kept, found.middle) == ("spike", 0.0, 0.2)

    shoulder = np.select([distance == 0, distance == 1], [1.0, 0.5], 0.0)
    assert neighbourhood(axes_of(21, 21), places, shoulder, best, complete=True).form == "slope"


def test_a_surface_without_differences_is_flat_and_one_variant_is_alone() -> None:
    places = every_place(3, 3)
    found = neighbourhood(axes_of(3, 3), places, np.full(9, 0.4), 0, complete=True)
    assert (found.form, found.kept, found.edges) == ("flat", None, (0, 1))
    found = neighbourhood(axes_of(1), every_place(1), np.array([0.4]), 0, complete=True)
    assert (found.form, found.rings, found.edges) == ("alone", (), ())


def test_in_a_random_sample_the_nearest_are_ten_by_their_share_of_the_range() -> None:
    generator = np.random.default_rng(7)
    places = np.column_stack([generator.integers(0, 1_000, 200), generator.integers(0, 10, 200)]).astype(np.int64)
    axes = (axes_of(1_000)[0], axes_of(10)[0])
    figure = generator.normal(0, 1, 200)
    figure[17] = 9.0
    found = neighbourhood(axes, places, figure, 17, complete=False)
    assert [ring.count for ring in found.rings] == [10] * 5
    shares = np.abs(places - places[17]) / [999, 9]
    nearest = np.argsort(shares.max(axis=1), kind="stable")[1:11]
    assert found.rings[0].median == pytest.approx(np.median(figure[nearest]))


def test_influence_is_the_share_of_the_differences_that_a_constant_explains() -> None:
    places = every_place(6, 6, 6)
    generator = np.random.default_rng(3)
    figure = 2.0 * places[:, 1] + 1.0 * places[:, 2]
    first, second, third = profiles(axes_of(6, 6, 6), places, figure)
    # Variances of independent parts add up: 4 to 1.
    assert second.influence == pytest.approx(0.8, abs=0.01)
    assert third.influence == pytest.approx(0.2, abs=0.02)
    assert first.influence == 0.0
    assert second.medians.tolist() == pytest.approx((2.0 * np.arange(6) + 2.5).tolist())
    assert third.labels == ("1%", "2%", "3%", "4%", "5%", "6%")
    noise = profiles(axes_of(6, 6, 6), places, generator.normal(0, 1, 216))
    assert max(profile.influence for profile in noise) < 0.06
    assert [one.influence for one in profiles(axes_of(6, 6), every_place(6, 6), np.ones(36))] == [0.0, 0.0]


def test_a_heat_map_shows_each_pair_or_the_median_over_the_others() -> None:
    sizes = (2, 3, 4)
    places = every_place(*sizes)
    figure = np.arange(24, dtype=np.float64)
    best, base = 23, 6
    medians = heat_map(axes_of(*sizes), places, figure, (0, 2), best=best, base=base, at_best=False)
    assert (medians.across, medians.down) == (2, 0)  # the longer one runs across
    assert (medians.rows, medians.columns) == (("1", "2"), ("1%", "2%", "3%", "4%"))
    cube = figure.reshape(sizes)
    assert np.array_equal(medians.cells, np.median(cube, axis=1))
    assert (medians.best, medians.base, medians.fixed) == ((1, 3), (0, 2), ())

    cut = heat_map(axes_of(*sizes), places, figure, (0, 2), best=best, base=base, at_best=True)
    assert np.array_equal(cut.cells, cube[:, 2, :])
    assert (cut.best, cut.base, cut.fixed) == ((1, 3), None, ((1, "3"),))


def test_a_pair_of_values_that_was_not_tried_is_unknown() -> None:
    places = every_place(3, 3)[:-1]
    found = heat_map(axes_of(3, 3), places, np.arange(8.0), (0, 1), best=7, base=None, at_best=False)
    assert np.isnan(found.cells[2, 2])
    assert np.isfinite(found.cells).sum() == 8


def test_many_values_are_put_together_with_their_neighbours() -> None:
    (axis,) = axes_of(2_000)
    places = np.arange(0, 2_000, 7, dtype=np.int64)
    bins = bins_of(axis, places)
    assert len(bins.labels) == 24
    assert (np.diff(bins.bin_of) >= 0).all()
    assert bins.labels[0].startswith("1 … ")
    assert bins.labels[-1].endswith(f" … {places[-1] + 1}")
    assert np.bincount(bins.bin_of).max() - np.bincount(bins.bin_of).min() <= 1
