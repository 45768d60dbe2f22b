"""Minute bars from recorded trades: the bars that a live program builds, base prices from the morning on, rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from engine.backtest import backtest
from engine.cli.main import app
from engine.clock import from_nanoseconds
from engine.data.bar_builder import BarBuilder
from engine.data.panel import CLOSE, VOLUME, Panel, State, load_panel
from engine.data.recorded_bars import write_recorded_bars
from engine.errors import DataError
from engine.krx.sessions import next_session, session_close
from tests.builders_panel import make_config, make_rules
from tests.builders_recording import TUESDAY, Tick, trades_of_day, write_daily, write_recording, write_records

A, B = "005930", "000660"
BARS = {A: [(9_900, 9_900, 9_900, 9_900, 50)], B: [(20_050, 20_050, 20_050, 20_050, 60)]}
PREVIOUS = {A: 9_900, B: 20_050}
TICKS = [
    (A, "09:00:02", 10_000, 300),
    (A, "09:00:59", 10_050, 200),
    (A, "09:01:00", 10_020, 100),
    (B, "09:02:30", 20_000, 30),
    (B, "15:30:20", 20_100, 90),
]


@pytest.fixture(scope="module")
def daily(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_daily(tmp_path_factory.mktemp("bars") / "daily", BARS)


def panel_of(folder: Path, daily: Path, ticks: list[Tick]) -> Panel:
    recording = write_recording(folder / "recording", ticks, TUESDAY, PREVIOUS)
    write_recorded_bars(recording, daily, folder / "minutes")
    return load_panel(folder / "minutes")


def traded(panel: Panel) -> dict[tuple[str, str], list[int]]:
    """(end, ticker) -> open, high, low, close, volume of the bars with a trade."""
    return {
        (f"{from_nanoseconds(int(panel.closed_at_ns[row])):%H:%M:%S}", ticker): panel.bars[:, row, col].tolist()
        for row in range(panel.rows)
        for col, ticker in enumerate(panel.tickers)
        if panel.state[row, col] & State.TRADED
    }


def test_trades_become_bars_and_the_closing_auction_ends_with_the_session(tmp_path: Path, daily: Path) -> None:
    panel = panel_of(tmp_path, daily, TICKS)
    assert traded(panel) == {
        ("09:01:00", A): [10_000, 10_050, 10_000, 10_050, 500],
        ("09:02:00", A): [10_020, 10_020, 10_020, 10_020, 100],
        ("09:03:00", B): [20_000, 20_000, 20_000, 20_000, 30],
        ("15:30:00", B): [20_100, 20_100, 20_100, 20_100, 90],
    }
    assert panel.base.tolist() == [[20_050, 9_900]] * panel.rows
    assert not (panel.state & State.FIRST_DAY).any(), "a name that trades later in the day is no new listing"
    assert (panel.state & State.PRESENT).all(), "a name without a trade at the close has not ended"
    assert panel.bars[CLOSE, -1].tolist() == [20_100, 10_020]
    assert (panel.bars[CLOSE, 0].tolist(), panel.bars[VOLUME, 0].tolist()) == ([20_050, 10_050], [0, 500])


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(
    moments=st.lists(
        st.tuples(st.sampled_from([A, B]), st.integers(0, 200), st.integers(-5, 5), st.integers(1, 99)),
        min_size=1,
        max_size=30,
    )
)
def test_the_bars_are_those_that_a_live_program_builds(
    tmp_path_factory: pytest.TempPathFactory, daily: Path, moments: list[tuple[str, int, int, int]]
) -> None:
    builder, ticks = BarBuilder("1m"), list[Tick]()
    for ticker, second, step, shares in sorted(moments, key=lambda moment: moment[1]):
        ticks.append((ticker, f"09:{second // 60:02}:{second % 60:02}", PREVIOUS[ticker] + 10 * step, shares))
    for trade in trades_of_day(ticks, TUESDAY, PREVIOUS):
        builder.add(trade.ticker, trade.time, trade.price, trade.volume)
    built = {
        (f"{bar.closed_at:%H:%M:%S}", bar.ticker): list(bar[2:7]) for bar in builder.finish(session_close(TUESDAY))
    }
    assert traded(panel_of(tmp_path_factory.mktemp("minutes"), daily, ticks)) == built


def test_rules_run_on_them_and_fill_at_their_prices(tmp_path: Path, daily: Path) -> None:
    panel = panel_of(tmp_path, daily, TICKS)
    rules = make_rules(("entry", "close > 10000", "buy 10% of equity"), interval="1m")
    result = backtest(rules, panel, make_config())
    assert result.fills.filter(ticker=A)["price"].to_list() == [10_020]


def test_the_command_makes_a_dataset_and_says_what_it_left_out(tmp_path: Path, daily: Path) -> None:
    recording = write_recording(tmp_path / "recording", TICKS, TUESDAY, PREVIOUS)
    line = ["data", "bars", str(recording), str(tmp_path / "minutes"), "--daily", str(daily), "--lang", "en"]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    assert "5 trades recorded from 2024-03-05" in " ".join(result.output.split())
    assert isinstance(CliRunner().invoke(app, line).exception, DataError), "an existing dataset is not replaced"
    assert CliRunner().invoke(app, [*line, "--overwrite", "--ticker", A]).exit_code == 0
    assert load_panel(tmp_path / "minutes").tickers == (A,)


def test_records_without_a_base_price_or_with_two_are_refused(tmp_path: Path, daily: Path) -> None:
    one, two = trades_of_day(TICKS[:2], TUESDAY, PREVIOUS)
    for name, records in (
        ("none", [one._replace(previous_close=None)]),
        ("two", [one, two._replace(previous_close=1)]),
    ):
        folder = write_records(tmp_path / name, records)
        with pytest.raises(DataError, match="005930 on 2024-03-05 tell no base price, or several"):
            write_recorded_bars(folder, daily, tmp_path / "minutes")


def test_a_day_that_was_not_recorded_is_a_gap_of_the_dataset(tmp_path: Path, daily: Path) -> None:
    later = next_session(next_session(TUESDAY))
    records = [trade for day in (TUESDAY, later) for trade in trades_of_day(TICKS, day, PREVIOUS)]
    manifest = write_recorded_bars(write_records(tmp_path / "r", records), daily, tmp_path / "minutes")
    assert [(gap.after, gap.before, gap.sessions) for gap in manifest.gaps] == [(TUESDAY, later, 1)]
