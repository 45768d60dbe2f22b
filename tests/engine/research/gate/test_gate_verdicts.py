"""What the gate says of rules whose worth is known, from the first step to the last."""

from __future__ import annotations

import json

import pytest

from engine.data.panel import Panel
from engine.errors import BadInput
from engine.reports.gate_json import gate_text
from engine.research.gate import STEPS
from engine.research.gate_texts import SENTENCES
from engine.research.texts import sentence
from engine.research.workers import InProcess
from tests.builders_panel import make_panel
from tests.gate_world import ABSURD, BASE, FALLEN, FIRST, GOOD, HEAD, LEAVE, candidate, gate, make_world, reasons, rule

NAMES = ("base.md", "candidate.md")


@pytest.fixture(scope="module")
def world() -> Panel:
    return make_world()


def test_the_steps_stand_in_the_order_of_the_gate(world: Panel) -> None:
    """Text, then activity, then windows, then harder trading, then luck, then phases of the market."""
    in_order = [name for name, _ in STEPS]
    assert in_order == [
        *("compiles", "units", "category", "numbers", "look_back", "alive", "duplicate", "complexity"),
        *("training", "untouched", "costs", "delay", "slippage"),
        *("probabilistic_sharpe", "deflated_sharpe", "overfitting", "bootstrap", "online_fdr", "regimes"),
    ]
    assert [step.name for step in gate(GOOD, world).verdict.steps] == in_order


def test_a_rule_that_finds_what_is_there_is_promoted(world: Panel) -> None:
    report = gate(GOOD, world)
    assert (report.verdict.decision, report.verdict.reason) == ("promote", "all_passed")
    assert report.weeks_needed is None
    assert all(step.passed for step in report.verdict.steps)


def test_a_rule_that_buys_on_wednesdays_is_rejected_and_measured_to_the_end(world: Panel) -> None:
    report = gate(ABSURD, world)
    assert (report.verdict.decision, report.verdict.reason) == ("reject", "training.worse")
    told = reasons(report)
    assert told["untouched"] == "unknown not_looked"
    assert told["costs"] == "fail never_there"
    assert "not_reached" not in " ".join(told.values())
    assert len(report.sessions) == report.training_sessions, "the untouched window is not in any figure"


def test_where_nothing_can_be_found_the_good_rule_is_not_promoted() -> None:
    verdicts = {gate(GOOD, make_world(drift=0.0, seed=seed)).verdict.decision for seed in (5, 6, 7)}
    assert "promote" not in verdicts


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        (rule("broken", "Entry Criteria", "close >", "buy 10% of equity"), "compiles.does_not_compile"),
        (rule("units", "Entry Criteria", "close > 3%", "buy 10% of equity"), "units.units_differ"),
        (rule("seller", "Entry Criteria", "returns(5) > 3%", "sell all"), "category.not_allowed"),
        (rule("says", "Entry Criteria", "volume_ratio(10) >= 3", "buy 9% of equity", "거래량이 20일 평균의 3배면 산다"),
         "numbers.number_not_in_rule"),
        (rule("deep", "Entry Criteria", "close > mean(close, 900)", "buy 9% of equity"), "look_back.too_long"),
        (rule("never", "Entry Criteria", "returns(3) > 900%", "buy 9% of equity"), "alive.never_fires"),
        (rule("always", "Entry Criteria", "volume_ratio(3) > 0.0001", "buy 9% of equity"), "alive.always_fires"),
        (rule("again", "Entry Criteria", "returns(5) <= -4% and volume > 1", "buy 9% of equity"), "duplicate.subsumed"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_right_is_refused_before_it_is_run(world: Panel, added: str, reason: str) -> None:
    report = gate(added, world)
    assert (report.verdict.decision, report.verdict.reason) == ("reject", reason)
    assert reasons(report)["training"] == "unknown not_reached"
    assert not report.counted and not len(report.sessions)


def test_a_complex_rule_is_told_so_though_it_is_no_duplicate(world: Panel) -> None:
    many = " and ".join(f"volume_ratio({n}) > 0.{n}" for n in range(3, 9))
    report = gate(rule("many", "Entry Criteria", f"returns(3) > 1% and {many}", "buy 9% of equity"), world)
    assert report.verdict.reason == "complexity.too_complex"


def test_with_too_few_trades_the_verdict_is_shadow_and_says_how_long_to_wait(world: Panel) -> None:
    """A rule that fires enough days on one name only, so that it trades seldom."""
    added = rule("rare", "Entry Criteria", "volume_ratio(10) >= 2.5 and returns(1) > 1.5%", "buy 9% of equity")
    report = gate(added, world, least_trades=200)
    assert (report.verdict.decision, report.verdict.reason) == ("shadow", "training.too_few_trades")
    figures = report.verdict.steps[8].figures
    missing = figures["sessions"] * (200 / figures["trades"] - 1) / (252 / 52)
    assert figures["weeks"] >= missing
    assert report.weeks_needed == figures["weeks"]
    step = next(step for step in report.verdict.steps if step.name == "training")
    assert f"Insufficient evidence: needs about {figures['weeks']} more weeks." in sentence(step, "en")
    assert reasons(report)["untouched"] == "unknown not_reached", "nobody looks with too little to tell"


def test_a_rule_that_fires_on_too_few_days_waits_instead_of_failing(world: Panel) -> None:
    report = gate(rule("rare", "Entry Criteria", "returns(3) >= 10%", "buy 9% of equity"), world, least_days=100)
    assert (report.verdict.decision, report.verdict.reason) == ("shadow", "alive.rarely_fires")
    assert report.weeks_needed and not report.counted


def test_a_removed_and_a_changed_rule_are_candidates_too(world: Panel) -> None:
    good_base = HEAD + FALLEN + GOOD + LEAVE
    without = gate(candidate(HEAD + FALLEN + LEAVE, good_base), world)
    assert (without.verdict.decision, without.changes) == ("reject", ("- burst",))
    assert reasons(without)["alive"] == "pass nothing_new"
    assert reasons(without)["overfitting"] == "pass no_neighbours"
    changed = gate(candidate(BASE.replace("days_held >= 4", "days_held >= 5")), world)
    assert changed.changes == ("~ leave",)
    assert changed.step("training").figures["risk_adjusted"]  # type: ignore[union-attr]


def test_a_rule_that_changes_no_trade_is_refused(world: Panel) -> None:
    """A requirement that only fallen names must fulfil and always do."""
    added = rule("filter", "Entry Criteria", "returns(5) <= -3%", "require")
    report = gate(added, world)
    assert report.verdict.reason == "training.no_effect"


def test_trades_that_hardly_change_are_too_few_to_tell_and_not_none(world: Panel) -> None:
    """Positions one part in forty larger move every return a little and no sale by a tenth."""
    report = gate(candidate(BASE.replace("buy 8% of equity", "buy 8.2% of equity")), world)
    assert report.verdict.reason == "training.too_few_trades"
    figures = report.step("training").figures  # type: ignore[union-attr]
    assert figures["trades"] == 0 and figures["weeks"] is None and report.weeks_needed is None


def test_rules_that_count_other_bars_cannot_be_compared(world: Panel) -> None:
    with pytest.raises(BadInput, match="counts bars of 1w"):
        gate(candidate(BASE.replace("1d", "1w")), world)


def test_minutes_are_judged_by_their_sessions() -> None:
    """Six bars a session: returns, windows and firings count sessions, not bars."""
    days = make_world(rows=150 * 6)
    bars = {
        ticker: [tuple(int(value) for value in days.bars[:, row, column]) for row in range(days.rows)]
        for column, ticker in enumerate(days.tickers)
    }
    panel = make_panel(bars, start=FIRST, bars_a_session=6, adjusted=True)
    base, added = (text.replace("1d", "1m") for text in (BASE, BASE + GOOD))
    report = gate(candidate(added, base), panel, untouched_sessions=30)
    assert report.training_sessions == 150 - 30 - 30
    figures = report.step("alive").figures  # type: ignore[union-attr]
    assert figures["sessions"] == 90 and 0 < figures["days"] <= 90
    assert len(report.difference) in (90, 120)
    assert report.step("regimes").figures["index"] == "median"  # type: ignore[union-attr]


def test_a_change_of_risk_alone_is_judged_at_the_volatility_of_the_base(world: Panel) -> None:
    """Half the size gives up half the return and half the risk: at equal volatility nothing is lost."""
    base = HEAD + FALLEN + GOOD + LEAVE
    halved = candidate(base + rule("cap", "Risk Management", "always", "limit position 10%"), base)
    figures = gate(halved, world).step("training").figures  # type: ignore[union-attr]
    assert figures["risk_adjusted"] and 1.2 < figures["scale"] <= 2.0
    plain = figures["candidate_return"] - figures["base_return"]
    assert plain < -0.2 and abs(figures["difference"]) < abs(plain) / 2


def test_the_same_inputs_give_the_same_bytes_in_both_languages(world: Panel) -> None:
    for lang in ("ko", "en"):
        texts = {gate_text(gate(GOOD, world), names=NAMES, lang=lang) for _ in range(2)}  # type: ignore[arg-type]
        assert len(texts) == 1
        document = json.loads(texts.pop())
        assert [step["name"] for step in document["steps"]] == [name for name, _ in STEPS]
        assert all(step["reason"] and step["sentence"] for step in document["steps"])


def test_the_order_of_the_answers_of_other_workers_does_not_matter(world: Panel) -> None:
    class Backwards(InProcess):
        """Does the last item first and hands the answers back in order, as a pool may."""

        def map(self, task, items):  # type: ignore[no-untyped-def]
            answers = [next(super(Backwards, self).map(task, [item])) for item in reversed(items)]
            yield from reversed(answers)

    ours, theirs = (gate(GOOD, world, workers=kind(world)) for kind in (InProcess, Backwards))
    assert gate_text(ours, names=NAMES, lang="en") == gate_text(theirs, names=NAMES, lang="en")


def test_every_sentence_of_a_step_that_measures_belongs_to_a_step_of_the_gate() -> None:
    known = {name for name, _ in STEPS}
    assert {name for name, _ in SENTENCES} <= known
    assert all(text.ko and text.en and text.ko != text.en for text in SENTENCES.values())
