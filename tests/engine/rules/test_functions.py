"""The catalogue: complete, documented, and the same as what is computed."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

from engine.rules.annotate import annotate, annotate_condition, annotate_price
from engine.rules.feature_compiler import Compiler
from engine.rules.features import FeatureGraph
from engine.rules.functions import FIELDS, FUNCTIONS, SPELLINGS, Kind
from engine.rules.lookback import is_recursive, lookback_bars
from engine.rules.messages import CATEGORY_TITLES, PROBLEMS, UNIT_NAMES
from engine.rules.order_price import split_order_price
from engine.rules.parse import parse_action, parse_expression
from engine.rules.problem import RuleProblem
from engine.rules.tree import Buy, Category, Scope, Span, Unit
from engine.rules.walk import walk
from tests.builders_market import make_market, run_graph

# The words of DESIGN 4.
WINDOWS = (
    "mean sum std min max ema median ts_rank zscore rsi rsi_wilder atr macd returns volatility corr beta lag delta "
    "highest lowest volume_ratio count_if bars_since crosses_above crosses_below rank top breadth"
)
NAMES = (
    "open high low close volume value market_cap weekday time session_open pnl days_held drawdown_from_peak "
    "entry_price weight equity cash_ratio positions day_pnl month_pnl drawdown consecutive_losses bars_since_exit"
)


def test_the_catalogue_holds_exactly_the_words_of_the_design() -> None:
    assert set(FUNCTIONS) == set(WINDOWS.split())
    assert set(FIELDS) == {*NAMES.split(), "always"}


@pytest.mark.parametrize("word", [*FUNCTIONS.values(), *FIELDS.values()], ids=lambda word: word.name)
def test_every_word_is_explained_in_both_languages_with_an_example_that_compiles(word) -> None:  # type: ignore[no-untyped-def]
    assert re.search("[가-힣]", word.meaning.ko)
    assert re.search("[a-z]", word.meaning.en) and not re.search("[가-힣]", word.meaning.en)
    assert re.search(rf"\b{word.name}\b", word.example)
    if word.name == "session_open":
        action = parse_action(word.example)
        assert isinstance(action, Buy) and action.price is not None
        assert split_order_price(annotate_price(action.price)).from_session_open
    else:
        assert annotate_condition(parse_expression(word.example)).unit is Unit.BOOL


def test_every_market_word_is_computed_by_the_feature_graph() -> None:
    examples = [annotate_condition(parse_expression(function.example)) for function in FUNCTIONS.values()]
    examples += [
        annotate_condition(parse_expression(field.example)) for field in FIELDS.values() if field.scope is Scope.MARKET
    ]
    graph = FeatureGraph(examples, make_market(np.arange(1, 11)))
    assert set(graph.outputs) == set(examples)


def test_the_feature_graph_computes_no_function_that_is_not_in_the_catalogue() -> None:
    computed = {name.removeprefix("_call_") for name in vars(Compiler) if name.startswith("_call_")}
    assert computed <= set(FUNCTIONS)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "close",
            "mean(close, 7)",
            "std(close, 5)",
            "mean(mean(close, 4), 3)",
            "lag(close, 3)",
            "delta(mean(close, 3), 2)",
        ),
        *(
            "returns(4)",
            "volatility(5)",
            "rsi(6)",
            "volume_ratio(5)",
            "zscore(close, 4)",
            "ts_rank(close, 4)",
            "median(close, 5)",
        ),
        *("highest(close, 12)", "lowest(close, 3)", "ema(close, 4)", "ema(returns(2), 3)", "atr(3)", "rsi_wilder(3)"),
        *(
            "macd(2, 4)",
            "macd(2, 4, 3)",
            "corr(close, volume, 6)",
            "beta(close, open, 6)",
            "count_if(close > open, 5)",
        ),
        *("close * volume / mean(value, 3)", "rank(returns(3))", "sum(close, 3) + lag(close, 5)"),
    ],
)
def test_the_look_back_is_the_row_of_the_first_known_value(text: str) -> None:
    node = annotate(parse_expression(text))
    generator = np.random.default_rng(11)
    close = generator.integers(900, 1100, (30, 4))
    volume = generator.integers(100, 900, close.shape)
    market = make_market(close, open_=close - 3, high=close + 5, low=close - 5, volume=volume, value=close * volume)
    known = ~np.isnan(run_graph([node], market)[node])[:, 0]
    assert int(np.argmax(known)) + 1 == lookback_bars(node)
    assert known[lookback_bars(node) - 1 :].all()


def test_look_back_of_constants_and_conditions() -> None:
    counts = {"1 + 2": 0, "always": 0, "pnl": 1, "crosses_above(close, mean(close, 20))": 21, "weekday == mon": 1}
    assert {text: lookback_bars(parse_expression(text)) for text in counts} == counts


def test_recursive_functions_are_known_as_such() -> None:
    named = {name for name, function in FUNCTIONS.items() if function.recursive}
    assert named == {"ema", "rsi_wilder", "atr", "macd"}
    assert is_recursive(parse_expression("mean(ema(close, 3), 5) > close"))
    assert not is_recursive(parse_expression("mean(close, 5) > close"))


def test_signatures_name_every_parameter() -> None:
    assert FUNCTIONS["macd"].signature == "macd(fast, slow[, signal])"
    assert FUNCTIONS["bars_since"].signature == "bars_since(condition[, n])"
    for function in FUNCTIONS.values():
        assert all(parameter.name in function.signature for parameter in function.parameters)
        optional = [parameter.optional for parameter in function.parameters]
        assert optional == sorted(optional), "optional parameters come last"
        assert all(parameter.minimum >= 1 for parameter in function.parameters if parameter.kind is Kind.WINDOW)


def test_suggested_spellings_lead_to_known_words() -> None:
    assert set(SPELLINGS.values()) <= {*FUNCTIONS, *FIELDS}
    assert not set(SPELLINGS) & {*FUNCTIONS, *FIELDS}


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_every_problem_says_the_same_things_in_both_languages(code: str) -> None:
    for text in PROBLEMS[code]:
        assert re.search("[가-힣]", text.ko) or text.ko == text.en or "{" in text.ko
        assert sorted(re.findall(r"{(\w+)}", text.ko)) == sorted(re.findall(r"{(\w+)}", text.en)), code


def test_a_problem_speaks_both_languages_and_survives_a_process_boundary() -> None:
    with pytest.raises(RuleProblem) as caught:
        annotate(parse_expression("close > 7%", 3, 5))
    problem = caught.value.of_rule("r1")
    assert str(problem).startswith("[r1] 3줄 5칸: ")
    assert problem.in_language("en").startswith("[r1] line 3, column 5: Different units")
    copy = pickle.loads(pickle.dumps(problem.found_in("a.md", "    close > 7%")))
    assert (str(copy), copy.span) == (str(problem), Span(3, 5, 3, 15))
    assert str(copy).startswith("a.md: [r1] 3줄 5칸: ")
    assert str(copy).endswith("\n        close > 7%\n        ^^^^^^^^^^")


def test_all_units_and_categories_have_names() -> None:
    assert set(UNIT_NAMES) == set(Unit)
    assert set(CATEGORY_TITLES) == set(Category)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("session_open", "0원"),
        ("session_open + 0.5 * (high - low)", "0.5 * (high - low)"),
        ("session_open - 2% * close", "-(2% * close)"),
        ("close + session_open - open", "close - open"),
        ("session_open + close - open", "close - open"),
        ("close - open + session_open", "close - open"),
    ],
)
def test_the_opening_price_is_taken_out_of_an_order_price(text: str, offset: str) -> None:
    split = split_order_price(annotate_price(parse_expression(text)))
    assert split.from_session_open
    assert split.offset == annotate_price(parse_expression(offset))
    assert all(part.scope is not Scope.EXECUTION for part in walk(split.offset))


def test_a_price_without_the_opening_price_stays_as_it_is() -> None:
    price = annotate_price(parse_expression("0.98 * close"))
    assert split_order_price(price).offset is price
