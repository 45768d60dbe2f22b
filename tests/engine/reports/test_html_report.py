"""The HTML report: one file, safe with any name, the same bytes for the same result."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from engine.reports.html import render_report, write_report
from engine.reports.page import PageOptions, content_hash
from engine.reports.rows import MOST_TRADES
from engine.result import RunWarning
from tests.builders_result import RULES, make_result

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(2)</script>",
    "{{ 7 * 7 }}",
    "' onmouseover='alert(3)",
    "]]><svg onload=alert(4)>",
)


class Tags(HTMLParser):
    """Collects every element with its attributes and checks that they are closed in order."""

    VOID = frozenset({"meta", "br", "input", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    tags.close()
    assert tags.open == []
    return tags


@pytest.fixture(scope="module")
def result():
    return make_result(sessions=400)


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_the_page_is_whole_and_loads_nothing_from_anywhere(result, lang):
    page = render_report(result, options=PageOptions(lang=lang))
    tags = parsed(page)
    for tag, attributes in tags.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed"}
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        href = attributes.get("href")
        assert href is None or href.startswith("#")
    outside = re.sub(r'"http://www\.w3\.org/2000/svg"', "", page)
    assert "http://" not in outside
    assert "https://" not in outside
    assert "@import" not in page
    assert "url(" not in page


def test_only_the_script_named_in_the_content_policy_can_run(result):
    page = render_report(result)
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 1
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page).group(1)
    assert f"script-src '{content_hash(scripts[0])}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1]


def test_hostile_names_stay_text(result):
    hostile_rule = replace(RULES[0], id=HOSTILE[0], text=HOSTILE[1], condition_source=HOSTILE[2])
    evil = make_result(
        sessions=400,
        names=HOSTILE,
        rules=(hostile_rule, *RULES[1:]),
        warnings=(RunWarning("never_fired", {"rules": list(HOSTILE)}), RunWarning(HOSTILE[1], {"x": HOSTILE[0]})),
    )
    evil = replace(
        evil,
        trades=evil.trades.with_columns(entry_rules=pl.lit([HOSTILE[4]], dtype=pl.List(pl.String))),
        config=evil.config | {"prompt": HOSTILE[0], "benchmark": HOSTILE[5]},
        data=evil.data | {"name": HOSTILE[2], "source": HOSTILE[1]},
        refusals={HOSTILE[0]: 1},
        result_hash=HOSTILE[1],
    )
    tame, wild = parsed(render_report(make_result(sessions=400))), parsed(render_report(evil))
    kinds = {"script", "img", "svg", "style", "title"}
    counted = [
        sorted(tag for tag, attributes in tags.elements if tag in kinds and "histogram" not in str(attributes))
        for tags in (tame, wild)
    ]
    assert counted[0] == counted[1]
    assert not any(name.startswith("on") for _, attributes in wild.elements for name in attributes)
    text = "".join(wild.text)
    assert HOSTILE[0] in text
    assert HOSTILE[3] in text


def test_equal_results_give_equal_bytes_and_the_time_comes_only_from_outside(result):
    again = make_result(sessions=400)
    assert render_report(result) == render_report(replace(again, timings={"step": 9.9}))
    moment = datetime(2026, 1, 5, 16, 0, tzinfo=ZoneInfo("Asia/Seoul"))
    dated = render_report(result, options=PageOptions(generated_at=moment))
    assert "2026-01-05 16:00" in dated
    assert "2026-01-05 16:00" not in render_report(result)


def test_a_synthetic_result_says_so_on_top_and_in_every_section(result):
    for lang, stamp in (("ko", "합성 데이터"), ("en", "SYNTHETIC")):
        page = render_report(result, options=PageOptions(lang=lang))
        sections = page.split("<section")[1:]
        assert len(sections) >= 8
        assert all(stamp in section for section in sections)
        assert 'class="banner"' in page.split("<main")[0]
        assert 'class="print-stamp"' in page
    real = render_report(replace(result, data=result.data | {"synthetic": False}))
    assert 'class="stamp">합성' not in real
    assert 'class="banner"' not in real


def test_both_languages_hold_the_same_numbers(result):
    korean, english = (render_report(result, options=PageOptions(lang=lang)) for lang in ("ko", "en"))
    for page in (korean, english):
        assert f"{result.equity['equity'][-1]:,}" in page
        assert result.result_hash in page
        assert result.data["content_hash"] in page


def test_english_pages_have_no_korean_but_the_data(result):
    plain = make_result(sessions=400, names=("Name",), rules=())
    text = render_report(plain, options=PageOptions(lang="en"))
    body = re.sub(r"<style>.*?</style>|<script>.*?</script>", "", text, flags=re.DOTALL)
    assert re.findall(r"[가-힣]+", body) == []


def test_a_large_run_caps_the_table_and_writes_all_trades_beside_it(tmp_path, result):
    copies = MOST_TRADES // len(result.trades) + 1
    many = replace(result, trades=pl.concat([result.trades] * copies))
    files = write_report(many, tmp_path / "report.html")
    assert [path.name for path in files] == ["report.html", "report-trades.csv"]
    page = files[0].read_text(encoding="utf-8")
    assert page.count("<tr data-kind=") == MOST_TRADES
    assert "report-trades.csv" in page
    assert f"{len(many.trades):,}" in page
    assert pl.read_csv(files[1]).height == len(many.trades)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report-trades.csv", "report.html"]


def test_a_small_run_writes_one_file_only(tmp_path, result):
    assert write_report(result, tmp_path / "report.html") == (tmp_path / "report.html",)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_spreadsheet_finds_no_formula_among_the_names(tmp_path):
    evil = make_result(sessions=600, names=("=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1"))
    many = replace(evil, trades=pl.concat([evil.trades] * (MOST_TRADES // len(evil.trades) + 1)))
    _, path = write_report(many, tmp_path / "r.html")
    assert not pl.read_csv(path)["name"].str.contains(r"^[=+\-@]").any()


@pytest.mark.parametrize("sessions", [1, 2, 20, 25])
def test_runs_that_are_too_short_for_figures_still_give_a_page(sessions):
    page = render_report(make_result(sessions=sessions))
    parsed(page)
    assert "–" in page


def test_a_run_without_anything_gives_a_page():
    result = make_result(sessions=300)
    empty = replace(
        result,
        **{name: getattr(result, name).clear() for name in ("equity", "orders", "fills", "trades", "positions")},
        rules=(),
        refusals={},
    )
    page = render_report(empty)
    parsed(page)
    assert "–" in page  # figures without a value are shown as such


def test_a_lost_account_and_a_missing_benchmark_give_a_page():
    result = make_result(sessions=300)
    equity = result.equity.with_columns(
        equity=pl.when(pl.int_range(pl.len()) > 200).then(0).otherwise(pl.col("equity")),
        benchmark=pl.lit(None, dtype=pl.Float64),
    )
    page = render_report(replace(result, equity=equity))
    parsed(page)
    assert "-100.00%" in page
    body = page.split("</style>")[1].split("<script>")[0]
    assert "nan" not in body.lower()
    assert "inf" not in re.sub(r"information", "", body.lower())


def test_every_warning_stands_in_the_page_as_a_sentence():
    result = make_result(
        sessions=200, warnings=(RunWarning("survivorship"), RunWarning("gaps_filled", {"count": 1234}))
    )
    page = render_report(result, options=PageOptions(lang="en"))
    assert "Survivorship bias: few or none of the names" in page
    assert "1,234 missing bars were filled" in page


def test_remarks_and_gaps_of_the_data_are_sentences(result):
    gaps = [{"after": "2021-01-05", "before": "2021-02-01", "sessions": 18}]
    gappy = replace(result, data=result.data | {"gaps": gaps})
    assert "18 sessions are missing between 2021-01-05 and 2021-02-01" in render_report(
        gappy, options=PageOptions(lang="en")
    )
    assert "2021-01-05 다음부터 2021-02-01 전까지 18세션이 없습니다" in render_report(gappy)
    assert "<li>합성 시장</li>" in render_report(result)
    assert "<li>synthetic market</li>" in render_report(result, options=PageOptions(lang="en"))


def test_rules_are_explained_where_they_are_named(result):
    page = render_report(result)
    assert page.count("손실이 7%에 이르면 예외 없이 전량 매도한다") > 1
    assert 'title="손실이 7%에 이르면 예외 없이 전량 매도한다' in page
