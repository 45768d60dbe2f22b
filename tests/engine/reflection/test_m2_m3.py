"""M2 and M3 against models that err: nothing is taken from them that does not exist or does not compile."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.clock import SimulatedClock
from engine.errors import BadInput
from engine.ledger.ledger import open_ledger
from engine.model.failure import ModelFailure
from engine.reflection.answers import ModelSettings
from engine.reflection.m1_aggregate import PerformanceReport, Window, aggregate_ledger
from engine.reflection.m2_analyse import Analysis, analyse
from engine.reflection.m3_rules import Proposals, write_rules
from engine.reflection.scripted_writer import ScriptedWriter, scripted_settings
from engine.reflection.shown import Plain
from engine.rules.edit import add_rule
from engine.rules.prompt import load_rules_text
from tests.builders_model import Says, Told
from tests.builders_reflection import Story, at
from tests.gate_world import BASE

SETTINGS = ModelSettings(provider="test", model="model-1")
WEEK = Window(first=at(7), last=at(13))
SUNDAY = at(13, 18)
LOSERS = 8


@pytest.fixture
def report(tmp_path: Path) -> PerformanceReport:
    """Eight losers and four winners; losers 0 to 5 and one winner met "calm"."""
    clock = SimulatedClock(at(0, 8))
    story = Story(open_ledger(tmp_path / "ledger.db", clock), clock).deposit()
    tickers = [f"0{number:02d}000" for number in range(12)]
    for ticker in tickers:
        story.buy(at(7), ticker, 10, 10_000)
    for number, ticker in enumerate(tickers):
        story.sell(at(9), ticker, 10, 9_000 - 100 * number if number < LOSERS else 11_000)
    calm = {*tickers[:6], tickers[-1]}
    return aggregate_ledger(
        story.ledger, WEEK, SUNDAY, met=lambda decisions: [{"calm": ticker in calm} for ticker, _ in decisions]
    )


def failure(*trade_ids: int, feature: str = "calm", pattern: str = "잔잔한 종목") -> dict[str, Any]:
    return {"pattern": pattern, "trade_ids": list(trade_ids), "feature": feature}


def analysis(*failures: dict[str, Any]) -> dict[str, Any]:
    return {"common_failures": list(failures), "key_insights": ["하나"], "improvement_areas": ["둘"]}


def ask(report: PerformanceReport, *answers: Told) -> tuple[Analysis, Says]:
    model = Says(*answers)
    return analyse(report, load_rules_text(BASE), model, SETTINGS, Plain()), model


def test_frequency_and_money_are_counted_not_believed(report: PerformanceReport) -> None:
    worst, second = (view.trade for view in report.losers[:2])
    found, _ = ask(report, analysis(failure(worst.trade_id, second.trade_id, worst.trade_id)))
    (pattern,) = found.patterns
    lost = -sum(view.trade.pnl for view in report.losers)
    assert (pattern.frequency, pattern.lost) == (2, -(worst.pnl + second.pnl)) == (2, 33_000)
    assert pattern.share_lost == pytest.approx(pattern.lost / lost)
    assert pattern.priority == 3  # (2/8 + 33,000/108,000) / 2 of ten, rounded up
    assert found.refused == ()


def test_a_pattern_without_trades_that_exist_goes_back_and_is_refused(report: PerformanceReport) -> None:
    good = report.losers[0].trade.trade_id
    bad = analysis(failure(good), failure(99_999), failure(), failure(good, feature="moon"))
    found, model = ask(report, bad, bad)
    assert len(found.patterns) == 1
    assert found.asked == 2
    assert [request.stage for request in model.asked] == ["first", "repair"]
    assert "99999" in model.asked[1].messages[-1].content
    assert len(found.refused) == 3
    winners = [view.trade.trade_id for view in report.best]
    assert winners
    found, _ = ask(report, analysis(failure(winners[0])), analysis())
    assert found.patterns == ()


def test_prose_is_no_analysis(report: PerformanceReport) -> None:
    found, _ = ask(report, "All losers were bad luck.", '{"common_failures": []}')
    assert found.patterns == ()
    assert "key_insights" in " ".join(found.refused)


def test_without_a_loser_nobody_is_asked(tmp_path: Path) -> None:
    clock = SimulatedClock(at(0, 8))
    story = Story(open_ledger(tmp_path / "ledger.db", clock), clock).deposit()
    story.buy(at(7), "005930", 1, 1_000)
    story.sell(at(8), "005930", 1, 2_000)
    found, model = ask(aggregate_ledger(story.ledger, WEEK, SUNDAY))
    assert (found, model.asked) == (Analysis(), [])


def test_a_silent_provider_is_a_failure(report: PerformanceReport) -> None:
    with pytest.raises(ModelFailure):
        ask(report, None)


# M3


def rule(report: PerformanceReport, **changes: Any) -> dict[str, Any]:
    values = {
        "rule_id": "no-calm",
        "category": "entry_criteria",
        "condition": "volatility(20) >= 25%",
        "action": "require",
        "priority": 8,
        "rationale": "잔잔한 종목에서 잃었다",
        "evidence": [report.losers[0].trade.trade_id],
    }
    return values | changes


def rules(*new: dict[str, Any], deprecated: tuple[dict[str, str], ...] = ()) -> dict[str, Any]:
    return {"new_rules": list(new), "deprecated_rules": list(deprecated)}


def write(report: PerformanceReport, *answers: Told, refuse: Any = None) -> tuple[Proposals, Says]:
    model = Says(*answers)
    found, _ = ask(report, analysis(failure(report.losers[0].trade.trade_id)))
    made = write_rules(found, report, BASE, model, SETTINGS, Plain(), today=date(2024, 5, 19), refuse_text=refuse)
    return made, model


def test_the_sentence_is_written_from_the_compiled_condition(report: PerformanceReport) -> None:
    made, _ = write(report, rules(rule(report)))
    (candidate,) = made.rules
    assert candidate.entry.text == "20봉 연율 변동성이 25% 이상인 종목만 매수한다"
    assert candidate.entry.added == "2024-05-19"
    assert load_rules_text(add_rule(BASE, candidate.entry)).rules[-1].id == "no-calm"


def test_compile_errors_go_back_twice_at_most(report: PerformanceReport) -> None:
    wrong = rules(rule(report, condition="volatility(20) >= high"))
    made, model = write(report, wrong, wrong, rules(rule(report)))
    assert [candidate.entry.id for candidate in made.rules] == ["no-calm"]
    assert made.asked == 3
    made, model = write(report, wrong, wrong, wrong)
    assert (made.rules, len(model.asked)) == ((), 3)
    assert made.refused[0].rule["condition"] == "volatility(20) >= high"
    assert made.refused[0].reasons


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"action": "sell all"}, "sell"),
        ({"rule_id": "fallen"}, "exists already"),
        ({"rule_id": "../../etc"}, "rule_id"),
        ({"evidence": [4_711]}, "no losing trade"),
        ({"evidence": []}, "no losing trade"),
        ({"rationale": "a\n### Exit Criteria: smuggled"}, "line breaks"),
        ({"condition": "close > mean(close, 20)\n**행동**: `sell all`"}, "line breaks"),
        ({"condition": "__import__('os')"}, "no-calm"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_its_reason(
    report: PerformanceReport, changes: dict[str, Any], words: str
) -> None:
    wrong = rules(rule(report, **changes))
    made, _ = write(report, wrong, wrong, wrong)
    assert made.rules == ()
    assert words in " ".join(made.refused[0].reasons)


def test_a_good_rule_beside_a_bad_one_stays(report: PerformanceReport) -> None:
    both = rules(rule(report), rule(report, rule_id="bad-one", condition="close > 7%"))
    made, _ = write(report, both, both, both)
    assert [candidate.entry.id for candidate in made.rules] == ["no-calm"]
    assert [refused.rule_id for refused in made.refused] == ["bad-one"]


def test_rules_are_deprecated_by_id_and_the_last_one_stays(report: PerformanceReport) -> None:
    gone = [{"rule_id": name, "reason": "x"} for name in ("fallen", "nothing", "leave")]
    answer = rules(deprecated=tuple(gone))
    made, _ = write(report, answer, answer, answer)
    assert made.deprecated == (("fallen", "x"),)
    assert [refused.rule_id for refused in made.refused] == ["nothing", "leave"]


def test_a_masked_run_refuses_a_rule_with_an_alias(report: PerformanceReport) -> None:
    def refuse(text: str) -> None:
        if "AB12CD" in text:
            raise BadInput("The alias AB12CD must not leave the run.")

    leaking = rules(rule(report, rationale="AB12CD에서 잃었다"))
    made, _ = write(report, leaking, leaking, leaking, refuse=refuse)
    assert made.rules == ()
    assert "alias" in made.refused[0].reasons[0]


def test_the_scripted_writer_answers_both_questions(report: PerformanceReport) -> None:
    writer = ScriptedWriter(SimulatedClock(SUNDAY))
    found = analyse(report, load_rules_text(BASE), writer, scripted_settings(), Plain())
    (pattern,) = found.patterns
    assert (pattern.feature, pattern.frequency) == ("calm", 6)
    made = write_rules(found, report, BASE, writer, scripted_settings(), Plain(), today=date(2024, 5, 19))
    (candidate,) = made.rules
    assert (candidate.entry.id, candidate.entry.condition) == ("avoid-calm", "volatility(20) >= 25%")
    assert set(candidate.evidence) == set(pattern.trade_ids)
    again = analyse(
        report, load_rules_text(BASE), writer, scripted_settings(), Plain(), not_promoted=[candidate.entry.condition]
    )
    assert again.patterns == ()


def test_equal_figures_are_an_equal_question(report: PerformanceReport) -> None:
    _, one = ask(report, analysis())
    _, other = ask(report, analysis())
    assert one.asked[0].key == other.asked[0].key
