"""The two views of a gated candidate: what a person reads, drawn from a real report."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from rich.console import Console

from engine.reports.gate_html import render_gate, write_gate
from engine.reports.gate_pictures import Mark, distribution
from engine.reports.gate_terminal import gate_view
from engine.reports.gate_view import facts, headline, step_rows, waiting
from engine.reports.page import PageOptions
from engine.research.gate_report import GateReport
from tests.gate_world import ABSURD, GOOD, gate, make_world, rule

NAMES = ("base.md", "candidate.md")


@pytest.fixture(scope="module")
def reports() -> dict[str, GateReport]:
    world = make_world()
    rare = rule("rare", "Entry Criteria", "volume_ratio(10) >= 2.5 and returns(1) > 1.5%", "buy 9% of equity")
    return {
        "promote": gate(GOOD, world),
        "reject": gate(ABSURD, world),
        "shadow": gate(rare, world, least_trades=200),
        "unread": gate(rule("broken", "Entry Criteria", "close >", "buy 10% of equity"), world),
    }


def printed(report: GateReport, lang: str, width: int = 100) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(gate_view(report, names=NAMES, lang=lang))  # type: ignore[arg-type]
    return console.export_text()


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("which", ["promote", "reject", "shadow", "unread"])
def test_both_views_tell_every_step_in_a_sentence(reports: dict[str, GateReport], which: str, lang: str) -> None:
    report = reports[which]
    page = render_gate(report, names=NAMES, options=PageOptions(lang=lang))  # type: ignore[arg-type]
    text = "".join(re.sub(r"[│╭╮╰╯─]", " ", printed(report, lang)).split())
    rows = step_rows(report, lang)  # type: ignore[arg-type]
    assert len(rows) == 19
    for row in rows:
        assert "".join(row.title.split()) in text
        assert row.title in page
        assert "{" not in row.sentence and "None" not in row.sentence and "nan" not in row.sentence
    decision, why, following = headline(report, lang)  # type: ignore[arg-type]
    for part in (decision, following):
        assert "".join(part.split()) in text
        assert part in page
    assert "".join(why.split()) in text


def test_a_step_that_was_not_measured_is_no_question(reports: dict[str, GateReport]) -> None:
    signs = {row.name: row.sign for row in step_rows(reports["reject"], "en")}
    assert (signs["training"], signs["untouched"], signs["alive"]) == ("✗", "·", "✓")
    assert [row.name for row in step_rows(reports["reject"], "en") if row.deciding] == ["training"]


def test_only_a_shadow_says_how_long_to_wait(reports: dict[str, GateReport]) -> None:
    assert waiting(reports["promote"], "en") == waiting(reports["reject"], "en") == ""
    weeks = reports["shadow"].weeks_needed
    assert f"needs about {weeks} more weeks" in waiting(reports["shadow"], "en")


def test_the_facts_name_windows_looks_trials_and_what_was_judged(reports: dict[str, GateReport]) -> None:
    told = dict(facts(reports["promote"], "en"))
    assert told["Left out between"] == "30 sessions"
    assert " … " in told["Untouched window"] and "0 of 20 looks used" in told["Untouched window"]
    assert told["Trials so far"].startswith("1, effective 1")
    assert told["Counted as a trial"].startswith("no")
    assert "not looked at" in dict(facts(reports["reject"], "en"))["Untouched window"]


def test_the_pictures_show_both_windows_the_purge_and_the_candidate_among_its_neighbours(
    reports: dict[str, GateReport],
) -> None:
    page = render_gate(reports["promote"], names=NAMES, options=PageOptions(lang="en"))
    for style in ('class="purge"', 'class="unseen"', 'class="line own"', 'class="line third"', 'class="interval"'):
        assert style in page
    assert page.count('class="pin mine"') == 4, "a line and a label in each of two pictures"
    assert page.count('class="meter"') == 4 + 5, "four conditions of trading and five phases"
    unseen = render_gate(reports["reject"], names=NAMES, options=PageOptions(lang="en"))
    assert 'class="purge"' not in unseen and 'class="line third"' not in unseen


def test_equal_reports_give_equal_bytes(reports: dict[str, GateReport], tmp_path) -> None:  # type: ignore[no-untyped-def]
    page = render_gate(reports["promote"], names=NAMES)
    assert write_gate(reports["promote"], tmp_path / "g.html", names=NAMES).read_text(encoding="utf-8") == page


def test_hostile_names_stay_text(reports: dict[str, GateReport]) -> None:
    evil = "<script>alert(1)</script>"
    assert evil not in render_gate(reports["unread"], names=(evil, evil))


def test_marks_and_interval_lie_inside_a_distribution_that_they_are_far_from() -> None:
    drawn = str(distribution(np.array([1.0, 1.1]), [Mark(9.0, "me", "mine")], str, "t", interval=(-5.0, 2.0)))
    places = [float(x) for x in re.findall(r'<line class="pin[^"]*" x1="([\d.]+)"', drawn)]
    assert all(40 <= x <= 504 for x in places)
    left, width = re.search(r'class="interval" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawn).groups()  # type: ignore[union-attr]
    assert float(left) >= 40 and float(left) + float(width) <= 504


def test_no_line_of_one_mark_crosses_the_label_of_another() -> None:
    near = [Mark(0.0, "0", "zero"), Mark(0.01, "measured", "mine")]
    drawn = str(distribution(np.linspace(-1.0, 1.0, 50), near, lambda value: f"{value:.2f}", "title"))
    tops = [float(top) for top in re.findall(r'<line class="pin [a-z]+" x1="[^"]+" y1="([^"]+)"', drawn)]
    labels = [float(y) for y in re.findall(r'<text class="pin [a-z]+" x="[^"]+" y="([^"]+)"', drawn)]
    assert len(tops) == len(labels) == 2
    assert min(tops) > max(labels)
