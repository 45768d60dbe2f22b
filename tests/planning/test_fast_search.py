"""What makes a masked run fast finds the same as the slow way: anchors of dates, lists cut by their shown entries."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from brokers.replay_market import _lowest
from engine.errors import BadInput
from engine.ledger.canonical import dump_plain
from engine.planning.date_shift import _ANCHOR, _PATTERN, dates_in
from engine.planning.deciles import borders_of
from engine.planning.leak_scan import _NUMBER, LeakScanner, _long_numbers, without_short_numbers
from engine.planning.masking import Mask
from engine.planning.near import matches_near
from engine.planning.prompt import CUTTABLE, _Sizes
from engine.planning.text_mask import _MONEY, money_in
from tests.planning.builders_mask import NAMES, world_context

PIECES = ["0", "1", "2", "9", "20", "2013", "1999", "05", "12", "31", "0.", ".", ",", "-", "/", " ", "월", "년", "일"]
PIECES += ["}", "]", "[", ":", "(", ")", "Q1", "Mar", "a", "가", "원"]


@pytest.mark.parametrize("seed", range(5))
def test_no_date_is_without_its_anchor(seed: int) -> None:
    """Short texts made of parts of dates and numbers: every match of the close reading is found from the anchors."""
    draw, dated = np.random.default_rng(seed), 0
    for _ in range(5_000):
        text = "".join(draw.choice(PIECES, draw.integers(1, 15)))
        wanted = [(found.start(), found[0]) for found in _PATTERN.finditer(text)]
        assert [(found.start(), found[0]) for found in matches_near(_ANCHOR, _PATTERN, text)] == wanted, text
        dated += bool(wanted)
    assert dated > 100


ASCII_PIECES = [piece for piece in PIECES if piece.isascii()]
ASCII_PIECES += [
    "1,234",
    "70100",
    "005930",
    "X-CC9VQ",
    '"',
    '",',
    "won",
    "KRW 5",
    "Won",
    " ",
    "x" * 45,
    "0.2013,",
    "NAVER",
]


@pytest.mark.parametrize("seed", range(3))
def test_a_text_of_ascii_letters_is_searched_by_its_shape_and_holds_the_same(seed: int) -> None:
    draw, found = np.random.default_rng(100 + seed), [0, 0, 0]
    for _ in range(4_000):
        text = "".join(draw.choice(ASCII_PIECES, draw.integers(1, 25)))
        dates = [match[0] for match in _PATTERN.finditer(text)]
        assert [date.text for date in dates_in(text)] == dates, text
        numbers = [match[0].replace(",", "") for match in _NUMBER.finditer(text)]
        assert [number for number, _ in _long_numbers(text, ())] == numbers, text
        sums = [match[0].strip() for match in _MONEY.finditer(text)]
        assert money_in(text) == sums, text
        found = [count + bool(some) for count, some in zip(found, (dates, numbers, sums), strict=True)]
    assert min(found) > 100, found


TOLD = [
    '{"weight":',
    '"ticker":',
    ',"rank":',
    "0.2013",
    "1",
    "-0.05",
    "123.4567",
    "7",
    ',"',
    '"',
    "}",
    "]",
    "[",
    ":",
    ",",
]
TOLD += [
    "131500",
    "131,500",
    "2125-03-05",
    "2024-03-05",
    "2024",
    "005930",
    "삼성전자",
    "대상",
    "NAVER",
    "원",
    " won",
    "3월 5일",
]
TOLD += ["X-CC9VQ", "null", " ", "12", "500", "(001680)"]
TOLD += [':0.2013,"', ":5}", ":-12.5]", ':2013,"', ':19.5-06,"', ":20}"]


@pytest.mark.parametrize("seed", range(4))
def test_a_prompt_is_clean_without_its_short_numbers_exactly_if_it_is_clean(seed: int) -> None:
    mask = Mask(NAMES, 11)
    mask.show(world_context(list(NAMES), NAMES, date(2024, 3, 5)))
    scanner, draw = LeakScanner(mask), np.random.default_rng(200 + seed)
    clean = shorter = 0
    for _ in range(4_000):
        text = "".join(draw.choice(TOLD, draw.integers(1, 14)))
        assert scanner.is_clean(text) == (scanner.find(text, mask.hidden) == []), text
        clean += scanner.is_clean(text)
        shorter += without_short_numbers(text) != text
    assert 500 < clean < 3_500
    assert shorter > 200


def test_a_name_that_is_a_number_is_looked_for_in_short_numbers_too() -> None:
    for name in ("3.14", "-5", 'a":7}'):
        mask = Mask(NAMES | {"999990": name}, 11)
        assert not LeakScanner(mask).is_clean(f'{{"x":{name}}}'), name
    assert LeakScanner(Mask(NAMES, 11)).is_clean('{"x":3.14}')


def test_decimals_in_a_list_are_no_anchor_and_dates_behind_them_are() -> None:
    assert _ANCHOR.search('{"weight":0.2013,"part":0.1999}') is None
    assert _ANCHOR.search("0.2013-05-06") is not None
    assert _ANCHOR.search("5.10.2013,") is not None


@pytest.mark.parametrize("count", [1, 3, 10, 50])
def test_the_lowest_are_those_of_a_stable_sort(count: int) -> None:
    values = np.random.default_rng(count).integers(0, 12, 40) / 4.0
    assert _lowest(values, count).tolist() == np.argsort(values, kind="stable")[:count].tolist()


def _shortened(context: dict[str, Any], cut: dict[str, int]) -> dict[str, Any]:
    """A shown context whose lists end earlier, without those that are cut already."""
    left = {name: count - context["cut"].get(name, 0) for name, count in cut.items()}

    def ends(entries: list[Any], name: str) -> list[Any]:
        return entries[: len(entries) - left.get(name, 0)]

    portfolio, market = context["portfolio"], context["market"]
    return context | {
        "portfolio": portfolio | {"holdings": ends(portfolio["holdings"], "holdings")},
        "market": market | {name: ends(market[name], name) for name in ("risks", "opportunities")},
        "signals": ends(context["signals"], "signals"),
        "cut": dict(cut),
    }


@pytest.mark.parametrize("seed", range(3))
def test_the_size_of_a_shortened_document_is_known_without_writing_it(seed: int) -> None:
    draw = np.random.default_rng(300 + seed)

    def entries(count: int) -> list[dict[str, Any]]:
        return [{"ticker": "가나"[: draw.integers(1, 3)], "weight": float(draw.random())} for _ in range(count)]

    for _ in range(200):
        counts = dict(zip(CUTTABLE, draw.integers(0, 6, 4).tolist(), strict=True))
        lists = {name: entries(count) for name, count in counts.items()}
        already = {name: int(draw.integers(1, 1_200)) for name in draw.permutation(CUTTABLE)[: draw.integers(0, 3)]}
        context = {
            "portfolio": {"total_won": 1, "holdings": lists["holdings"]},
            "market": {"sentiment": "neutral", "risks": lists["risks"], "opportunities": lists["opportunities"]},
            "signals": lists["signals"],
            "cut": already,
        }
        sizes = _Sizes(context, len(dump_plain(context).encode()))
        cut = {
            name: already.get(name, 0) + int(draw.integers(0, count + 1))
            for name, count in counts.items()
            if name in already or draw.random() < 0.7
        }
        assert sizes.without(cut) == len(dump_plain(_shortened(context, cut)).encode()), (counts, already, cut)


def test_a_shown_context_is_shortened_at_the_ends_of_its_lists() -> None:
    shown = {
        "portfolio": {"total_won": 1, "holdings": [{"ticker": "a"}, {"ticker": "b"}]},
        "market": {"sentiment": "neutral", "risks": [{"rank": 1}], "opportunities": [{"rank": 1}]},
        "signals": [{"ticker": "c"}, {"ticker": "d"}, {"ticker": "e"}],
        "cut": {"risks": 2},
    }
    shorter = _shortened(shown, {"risks": 3, "holdings": 1, "signals": 2})
    assert shorter == {
        "portfolio": {"total_won": 1, "holdings": [{"ticker": "a"}]},
        "market": {"sentiment": "neutral", "risks": [], "opportunities": [{"rank": 1}]},
        "signals": [{"ticker": "c"}],
        "cut": {"risks": 3, "holdings": 1, "signals": 2},
    }
    assert len(shown["signals"]) == 3


@pytest.mark.parametrize("seed", range(4))
def test_borders_of_tenths_are_percentiles_to_the_last_bit(seed: int) -> None:
    draw = np.random.default_rng(seed)
    for count in [*range(1, 60), 2_500]:
        for values in (draw.random(count) * 1e15, draw.integers(0, 4, count).astype(float), draw.normal(size=count)):
            assert borders_of(values) == np.percentile(values, np.arange(10, 100, 10)).tolist()
    assert borders_of(np.empty(0)) == []


def test_entries_of_one_list_need_not_have_the_same_fields() -> None:
    """A list is shown column by column where its entries are alike, and one by one where they are not."""
    mask, context = Mask(NAMES, 7), world_context(list(NAMES), NAMES, date(2024, 3, 5))
    (signal,) = context["signals"]
    without_base = {name: value for name, value in signal.items() if name != "previous_close_won"}
    turned = dict(reversed(list(signal.items())))
    context["signals"] = [signal, without_base, turned, {**signal, "market_cap_won": None}]
    first, unpriced, same, unsized = mask.show(context)["signals"]
    assert first == same
    assert {name for name in first if name not in unpriced} == {"price_ratio", "order_price_ratio"}
    assert {**first, "market_cap_decile": None} == unsized
    assert mask.show({**context, "signals": [signal, signal]})["signals"] == [first, first]
    assert mask.show({**context, "limits": {}})["limits"] == {}


@pytest.mark.parametrize("value", [None, 5, "삼성전자", 70_000.5])
def test_a_field_that_nobody_knows_is_refused_whatever_it_holds(value: object) -> None:
    context = world_context(list(NAMES), NAMES, date(2024, 3, 5))
    for place in (context["limits"], context["signals"][0], context["portfolio"]["holdings"][0]):
        place["rumour"] = value
        with pytest.raises(BadInput, match="rumour"):
            Mask(NAMES, 7).show(context)
        del place["rumour"]


def test_a_list_or_a_document_where_a_number_is_expected_is_no_way_around_the_mask() -> None:
    context = world_context(list(NAMES), NAMES, date(2024, 3, 5))
    context["signals"][0]["weight"] = {"ticker": "005930", "name": "삼성전자", "price_won": 70_000, "weight": 0.1}
    weight = Mask(NAMES, 7).show(context)["signals"][0]["weight"]
    assert weight == {"ticker": Mask(NAMES, 7).aliases.of("005930"), "weight": 0.1}
