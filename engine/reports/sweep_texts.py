"""The sentences of a sweep in Korean and English."""

from __future__ import annotations

from engine.reports.language import Text

TITLE = Text("상수 탐색", "Sweep of constants")
HEADLINE = Text(
    "가장 나은 변형은 {best}: 샤프 지수 {sharpe}, 총수익률 {growth}. 지금 규칙은 샤프 지수 {base}로 {count:,}개 중 "
    "{rank}위입니다.",
    "The best variant is {best}: Sharpe ratio {sharpe}, total return {growth}. The unchanged rules have a Sharpe "
    "ratio of {base}, place {rank} of {count:,}.",
)
BASE_BEST = Text(
    "지금 규칙이 {count:,}개 변형 가운데 가장 낫습니다: 샤프 지수 {sharpe}, 총수익률 {growth}.",
    "The unchanged rules are the best of {count:,} variants: Sharpe ratio {sharpe}, total return {growth}.",
)
BASE_SILENT = Text(
    "가장 나은 변형은 {best}: 샤프 지수 {sharpe}, 총수익률 {growth}. 지금 규칙은 수익률이 변하지 않아 샤프 지수가 "
    "없습니다.",
    "The best variant is {best}: Sharpe ratio {sharpe}, total return {growth}. The returns of the unchanged rules do "
    "not vary, so they have no Sharpe ratio.",
)
NOTHING = Text(
    "어느 변형도 거래하지 않았거나 수익률이 변하지 않아 고를 것이 없습니다.",
    "No variant traded, or no returns varied: there is nothing to choose.",
)
UNCHANGED = Text("지금 규칙", "unchanged rules")
ALL_SAMPLED = Text("격자 {size:,}점 중 {count:,}점을 시드 {seed}로 뽑음", "{count:,} of {size:,} points, seed {seed}")
ALL_RUN = Text("격자 {size:,}점 전체", "all {size:,} points of the grid")

LUCK_UNKNOWN = Text(
    "운인지 판단할 수 없습니다: 수익률이 변하지 않습니다.",
    "Whether it is luck cannot be told: the returns do not vary.",
)
LEAD_NONE = Text(
    "지금 규칙보다 나은 변형이 없으므로 운을 따질 것도 없습니다.",
    "No variant leads the unchanged rules, so there is no lead that could be luck.",
)
LEAD_LUCK = Text(
    "지금 규칙보다 앞선 것은 운만으로 나올 수준입니다. 앞선 몫의 샤프 지수가 {measured}인데, 독립된 시험 "
    "{trials:,}번이면 쓸모없는 변경 가운데 가장 운 좋은 것이 {expected}을(를) 보입니다.",
    "Its lead over the unchanged rules is what luck alone would give: the lead has a Sharpe ratio of {measured}, and "
    "the luckiest of {trials:,} independent useless changes shows {expected}.",
)
LEAD_MAYBE = Text(
    "지금 규칙보다 앞선 몫의 샤프 지수 {measured}은(는) 독립된 시험 {trials:,}번에서 운이 주는 {expected}보다 높지만 "
    "확실하지 않습니다. 운보다 나을 확률은 {probability}입니다(보통 95%를 요구합니다).",
    "Its lead over the unchanged rules has a Sharpe ratio of {measured}, more than the {expected} that luck gives "
    "among {trials:,} independent trials, but not surely: the probability that it is better than luck is "
    "{probability} (95% is usual).",
)
LEAD_BEATEN = Text(
    "지금 규칙보다 앞선 몫의 샤프 지수 {measured}은(는) 독립된 시험 {trials:,}번에서 운이 주는 {expected}보다 "
    "높습니다(운보다 나을 확률 {probability}).",
    "Its lead over the unchanged rules has a Sharpe ratio of {measured}, more than the {expected} that luck gives "
    "among {trials:,} independent trials (probability {probability}).",
)
OWN = Text(
    "그 자체로는 샤프 지수가 {measured}입니다. 이 탐색의 변형 {trials:,}개를 하나하나 시험으로 치면 운만으로 "
    "{expected}이(가) 나오고, 운보다 나을 확률은 {probability}입니다.",
    "By itself it has a Sharpe ratio of {measured}; with each of the {trials:,} variants of this sweep as a trial of "
    "its own luck gives {expected}, and the probability of being better than luck is {probability}.",
)
TRIALS = Text(
    "지금까지 이 데이터에서 시험한 변형은 {raw:,}개이고, 지금 규칙과의 일별 차이의 상관이 {threshold:g} 이상인 것을 "
    "하나로 치면 {effective:,}번입니다.",
    "{raw:,} variants have ever been tried on this data; those whose daily returns correlate by {threshold:g} or "
    "more count as one, which leaves {effective:,}.",
)

PBO = Text(
    "과거를 반으로 나누는 {splits:,}가지 가운데 {pbo}에서, 한쪽 반의 최고가 다른 쪽 반에서는 중간 이하였습니다. "
    "50%면 고르지 않은 것과 같습니다. 다른 쪽에서 손실이 난 경우는 {loss}입니다.",
    "Of {splits:,} ways to cut the past into halves, in {pbo} the best of one half was no better than the middle in "
    "the other; 50% is what no choice at all gives. In {loss} it lost money there.",
)
PBO_UNKNOWN = Text(
    "과최적화 확률은 계산할 수 없습니다: {reason}.", "The probability of overfitting has no value: {reason}."
)

NEAR_GRID = Text("한 칸 옆의 변형 {count:,}개", "{count:,} variants one step away")
NEAR_SAMPLE = Text("가장 가까운 변형 {count:,}개", "the {count:,} nearest variants")
FORMS = {
    "plateau": Text(
        "고원입니다. {near}의 중앙값이 {median}으로, 전체 중앙값 {middle}보다 앞선 폭의 {kept}을(를) 지킵니다.",
        "A plateau: {near} have a median of {median} and keep {kept} of the lead over the middle of all, {middle}.",
    ),
    "slope": Text(
        "비탈입니다. {near}의 중앙값이 {median}으로, 전체 중앙값 {middle}보다 앞선 폭의 {kept}만 남습니다.",
        "A slope: {near} have a median of {median} and keep {kept} of the lead over the middle of all, {middle}.",
    ),
    "spike": Text(
        "뾰족합니다. {near}의 중앙값이 {median}으로, 전체 중앙값 {middle}보다 앞선 폭의 {kept}만 남습니다. 한 "
        "값에서만 통하는 상수는 과거에 맞춘 것일 수 있습니다.",
        "A spike: {near} have a median of {median} and keep {kept} of the lead over the middle of all, {middle}. A "
        "constant that works at one value only was probably fitted to the past.",
    ),
    "flat": Text(
        "평평합니다. 가장 나은 변형도 전체 중앙값 {middle}보다 낫지 않습니다.",
        "Flat: the best is no better than the middle of all, {middle}.",
    ),
    "alone": Text("견줄 이웃이 없습니다.", "There is no neighbour to compare with."),
}
NOTHING_KEPT = Text("전혀 없음", "nothing")
EDGE = Text(
    "가장 나은 변형이 {names}의 범위 끝에 있습니다. 범위를 넓히면 더 나은 값이 있을 수 있습니다.",
    "The best lies at the end of the range of {names}: a wider range may hold something better.",
)
INFLUENCE = Text("차이를 가장 많이 만드는 상수: {names}.", "What makes the difference: {names}.")
NO_INFLUENCE = Text("어느 상수도 혼자서는 차이를 만들지 않습니다.", "No constant makes a difference by itself.")
WITHOUT_MEANING = Text(
    "규칙이 되지 않는 조합이 {count:,}개 있습니다. 예: {example}",
    "{count:,} combinations make no rule. For example: {example}",
)
SILENT = Text("한 번도 체결되지 않은 변형이 {count:,}개 있습니다.", "{count:,} variants never filled an order.")
SEEN = Text(
    "이 탐색은 {last}까지 보았습니다. 심사(gate)가 처음 보는 구간은 {untouched}부터이므로, 여기서 고른 규칙을 그 "
    "구간으로 검증하려면 --to를 그 앞으로 잡고 다시 탐색하십시오.",
    "This sweep has seen everything up to {last}. The sessions that the gate keeps unseen begin on {untouched}: to "
    "have a choice judged on them, sweep again with --to before that day.",
)

HEADS = {
    "rank": Text("순위", "Rank"),
    "sharpe": Text("샤프 지수", "Sharpe"),
    "total_return": Text("총수익률", "Return"),
    "max_drawdown": Text("최대 낙폭", "Max drawdown"),
    "trades": Text("거래", "Trades"),
    "win_rate": Text("승률", "Win rate"),
    "costs": Text("비용", "Costs"),
}
BEST_TABLE = Text("가장 나은 변형과 지금 규칙", "The best variants and the unchanged rules")
MAP = Text("샤프 지수 지도", "Map of the Sharpe ratio")
MAP_AT_BEST = Text("다른 상수는 가장 나은 값으로 고정: {fixed}", "the other constants at their best: {fixed}")
MAP_MEDIAN = Text("칸마다 다른 상수에 대한 중앙값", "each cell is the median over the other constants")
MAP_EXACT = Text("칸마다 변형 하나", "each cell is one variant")
MAP_GROUPED = Text("칸마다 그 안에 드는 변형의 중앙값", "each cell is the median of the variants in it")
PROFILES = Text("상수 하나씩", "One constant at a time")
PROFILE_NOTE = Text(
    "다른 상수에 대한 샤프 지수의 중앙값입니다. 백분율은 변형 사이의 차이 가운데 그 상수가 설명하는 몫입니다.",
    "The median Sharpe ratio over all other constants. The percentage is the share of the differences between "
    "variants that the constant explains.",
)
STABILITY = Text("가장 나은 변형의 주변", "Around the best variant")
LUCK = Text("운과 과최적화", "Luck and overfitting")
FALL = Text("가장 나은 변형에서 멀어질 때의 샤프 지수", "Sharpe ratio with the distance from the best")
STEPS = Text("{distance}칸", "{distance}")
STEPS_AWAY = Text("가장 나은 변형에서 떨어진 칸 수", "steps away from the best")
NEAREST = Text("가까운 순서로 10개씩", "from the nearest ten on")
ALL_MIDDLE = Text("전체 중앙값", "median of all")
QUARTILES = Text("막대는 가운데 절반, 선은 중앙값", "bars: the middle half, line: the median")
MARK_BEST, MARK_BASE = Text("가장 나음", "best"), Text("지금 규칙", "unchanged")
LOGITS = Text("다른 반에서의 순위(0% 꼴찌, 100% 첫째)", "Rank in the other half (0% last, 100% first)")
STOPPED = Text(
    "멈췄습니다. {total:,}묶음 중 {done:,}묶음이 {folder}에 남았습니다. 같은 명령을 다시 실행하면 이어서 합니다.",
    "Stopped. {done:,} of {total:,} chunks are kept in {folder}; run the same command to go on.",
)
