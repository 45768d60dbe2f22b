"""The state of a watch as a sentence in Korean and English: where it stands, and what is still missing."""

from __future__ import annotations

from engine.research.watch import ShadowWatch, Watch
from engine.rules.messages import Language, Text

_SHADOW: dict[str, Text] = {
    "none": Text(
        "관찰 첫날 전입니다. 증거가 {limit:g}에 이르면 승격합니다.",
        "No day was watched yet. The rule is promoted when the evidence reaches {limit:g}.",
    ),
    "watching": Text(
        "관찰 {days:,}일째: 증거 {evidence:.3g} / {limit:g}, 하루 평균 차이 {mean:+.3%}. {missing}",
        "Day {days:,} in shadow: evidence {evidence:.3g} of {limit:g}, mean difference {mean:+.3%} a day. {missing}",
    ),
    "promote": Text(
        "{decided}에 증거가 {limit:g}에 이르러 승격할 수 있습니다. 지금까지 {days:,}일, 하루 평균 차이 {mean:+.3%}.",
        "The evidence reached {limit:g} on {decided}: promote. {days:,} days, mean difference {mean:+.3%} a day.",
    ),
    "stopped": Text(
        "{decided}에 차이가 한계 -{bound:.2%}보다 나빠서 시험이 무효가 되었습니다. 더 넓은 한계로 새로 시작하십시오.",
        "On {decided} the difference was worse than the bound -{bound:.2%}, so the test is void. "
        "Start a new one with a wider bound.",
    ),
}
_PROMOTED: dict[str, Text] = {
    "none": Text(
        "승격 뒤 첫날 전입니다. 증거가 {limit:g}에 이르면 되돌립니다.",
        "No day was watched since the promotion. The rule is rolled back when the evidence reaches {limit:g}.",
    ),
    "watching": Text(
        "승격 뒤 {days:,}일째: 나빠졌다는 증거 {evidence:.3g} / {limit:g}, 하루 평균 차이 {mean:+.3%}. {missing}",
        "Day {days:,} after promotion: evidence of a decline {evidence:.3g} of {limit:g}, mean difference {mean:+.3%} "
        "a day. {missing}",
    ),
    "roll back": Text(
        "{decided}에 나빠졌다는 경보가 울렸습니다. 되돌리십시오. 지금까지 {days:,}일, 하루 평균 차이 {mean:+.3%}.",
        "Alarm on {decided}: the rule is worse now. Roll it back. {days:,} days, mean difference {mean:+.3%} a day.",
    ),
}
_MISSING: dict[tuple[str, bool], Text] = {
    ("shadow", True): Text(
        "지금 속도라면 약 {more:,}일 더 필요합니다.", "At the present pace about {more:,} more days."
    ),
    ("shadow", False): Text(
        "지금 속도로는 10년 안에 승격되지 않습니다.", "At the present pace there is no promotion within ten years."
    ),
    ("promoted", True): Text(
        "하루하루가 지금 평균과 같다면 약 {more:,}일 뒤에 경보가 울립니다.",
        "If every day is as the mean so far, the alarm comes in about {more:,} days.",
    ),
    ("promoted", False): Text("나빠지는 기미가 없습니다.", "There is no sign of a decline."),
}


def watch_sentence(watch: Watch, lang: Language) -> str:
    """Where a watch stands.

    >>> watch_sentence(ShadowWatch(bound=0.02), "en")
    'No day was watched yet. The rule is promoted when the evidence reaches 20.'
    """
    shadow = isinstance(watch, ShadowWatch)
    texts = _SHADOW if shadow else _PROMOTED
    name = "none" if watch.outcome == "watching" and not watch.days else watch.outcome
    more = watch.days_missing() if name == "watching" else None
    missing = _MISSING["shadow" if shadow else "promoted", more is not None].in_language(lang)
    return (
        texts[name]
        .in_language(lang)
        .format(
            days=watch.days,
            evidence=watch.evidence,
            limit=watch.limit,
            mean=watch.mean,
            bound=watch.bound,
            decided=watch.decided,
            missing=missing.format(more=more),
        )
    )
