"""Every code has its words in both languages."""

from __future__ import annotations

import string
from dataclasses import fields, replace

import polars as pl
import pytest

from engine.metrics.summary import Metrics, summarize
from engine.metrics.undefined import Undefined
from engine.order import RefusalReason
from engine.reports.figures import figure_groups, figure_named
from engine.reports.texts import REFUSALS, UNDEFINED
from engine.reports.warnings import all_warnings, sentence, show_warnings, warning_texts
from engine.result import RunWarning
from tests.builders_result import make_result


def test_every_reason_for_a_missing_figure_has_a_sentence():
    assert set(UNDEFINED) == {reason.value for reason in Undefined}


def test_every_refusal_of_the_engine_has_words():
    assert set(REFUSALS) == {reason.value for reason in RefusalReason}


def test_every_shown_figure_is_a_field_of_the_metrics_and_stands_once():
    names = [figure.name for group in figure_groups() for figure in group.figures]
    assert len(names) == len(set(names))
    assert set(names) <= {field.name for field in fields(Metrics)}
    for name in names:
        figure = figure_named(name)
        assert figure.label.ko
        assert figure.meaning.en.endswith(".")
        assert figure.unit in {"percent", "change", "won", "profit", "number", "count", "bars"}


@pytest.mark.parametrize("code", sorted(warning_texts()))
def test_both_sentences_of_a_warning_use_the_same_parameters(code):
    row = warning_texts()[code]
    names = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in row.text]
    assert names[0] == names[1]
    assert row.weight in {"serious", "note"}
    assert all(text.endswith(".") for text in row.text)


def test_a_parameter_that_the_run_left_out_is_a_dash_and_not_a_crash():
    assert "–" in sentence(RunWarning("gaps_filled"), "en")


def test_an_unknown_code_is_shown_and_not_dropped():
    assert sentence(RunWarning("brand_new", {"count": 3}), "ko") == "brand_new (count = 3)"
    result = make_result(sessions=60, warnings=(RunWarning("brand_new"),))
    assert "brand_new" in {warning.code for warning in all_warnings(result, summarize(result))}


def test_long_lists_of_tickers_are_shortened():
    text = sentence(RunWarning("unresolved_tickers", {"count": 50, "tickers": [str(i) for i in range(50)]}), "en")
    assert text.count(",") == 8


def codes(result) -> list[str]:
    return [warning.code for warning in all_warnings(result, summarize(result))]


def test_few_trades_and_a_short_run_warn():
    assert {"few_trades", "short_run"} <= set(codes(make_result(sessions=60)))
    long = codes(make_result(sessions=750))
    assert "few_trades" not in long
    assert "short_run" not in long


def test_adjusted_and_synthetic_data_warn_from_the_manifest():
    result = make_result(sessions=400)
    assert "synthetic" in codes(result)
    real = replace(result, data=result.data | {"synthetic": False, "adjusted": True})
    assert "synthetic" not in codes(real)
    assert {"adjusted_prices", "price_return"} <= set(codes(real))
    assert "no_base_price" not in codes(replace(real, data=real.data | {"columns": ["close"]}))


def test_a_gain_that_is_mostly_unrealised_warns():
    result = make_result(sessions=400, seed=11, drift=0.0012)
    gain = result.equity["equity"][-1] - result.initial_cash
    assert gain > 0
    assert "open_profit" not in codes(result)
    share = gain * 2 // 3 // len(result.positions)
    assert "open_profit" in codes(replace(result, positions=result.positions.with_columns(pnl=pl.lit(share))))


def test_what_the_data_lacks_warns_from_the_manifest():
    result = make_result(sessions=400)
    gaps = [{"after": "2021-01-05", "before": "2021-02-01", "sessions": 18}]
    poor = replace(result, data=result.data | {"columns": ["open", "close"], "gaps": gaps})
    assert {"no_base_price", "status_from_prices", "data_gaps"} <= set(codes(poor))
    assert "close_only" not in codes(poor)
    note = {"code": "close_only", "ko": "종가만", "en": "closes only"}
    assert "close_only" in codes(replace(result, data=result.data | {"notes": [note]}))
    rich = replace(result, data=result.data | {"columns": ["status", "base_price"], "gaps": []})
    assert not {"no_base_price", "status_from_prices", "data_gaps"} & set(codes(rich))


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ({"funding": "optimistic"}, "funding_optimistic"),
        ({"touch": True}, "touch_fills"),
        ({"slippage": {"model": "none", "size": 0.0}}, "no_slippage"),
        ({"costs": False}, "no_costs"),
        ({"participation": 0}, "no_participation_limit"),
        ({"path": "high_first"}, "path_high_first"),
        ({"venue": "paper"}, "paper_on_daily_bars"),
    ],
)
def test_generous_settings_warn(setting, code):
    result = make_result(sessions=400)
    assert code not in codes(result)
    assert code in codes(replace(result, config=result.config | setting))


def test_serious_warnings_come_first_and_no_code_comes_twice():
    result = make_result(sessions=60, warnings=(RunWarning("price_return"), RunWarning("few_trades", {"count": 2})))
    shown = show_warnings(all_warnings(result, summarize(result)), "ko")
    weights = [warning.weight for warning in shown]
    assert weights == sorted(weights, reverse=True)
    assert len({warning.code for warning in shown}) == len(shown)
