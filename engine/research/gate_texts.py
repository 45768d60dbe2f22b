"""The sentences of the gate's steps that measure something; `engine.research.texts` joins them with the others."""

from __future__ import annotations

from engine.research.verdict import Decision
from engine.rules.messages import Text

# name of the step -> what it is called
STEPS: dict[str, Text] = {
    "alive": Text("작동 빈도", "how often it fires"),
    "duplicate": Text("중복", "duplicate"),
    "training": Text("학습 구간", "training window"),
    "untouched": Text("검증 구간", "untouched window"),
    "costs": Text("비용 두 배", "costs doubled"),
    "delay": Text("한 봉 늦게", "one bar late"),
    "slippage": Text("불리한 체결", "slippage"),
    "probabilistic_sharpe": Text("샤프 지수의 확률", "probabilistic Sharpe"),
    "deflated_sharpe": Text("시험 횟수를 감안한 샤프", "deflated Sharpe"),
    "overfitting": Text("이웃 규칙", "neighbours (PBO)"),
    "bootstrap": Text("부트스트랩 구간", "bootstrap interval"),
    "online_fdr": Text("거짓 승격 관리", "false promotions"),
    "regimes": Text("시장 국면", "market regimes"),
}

PHASES: dict[str, Text] = {
    "bull": Text("상승장", "bull"),
    "sideways": Text("횡보장", "sideways"),
    "bear": Text("하락장", "bear"),
    "calm": Text("변동성 낮음", "low volatility"),
    "stormy": Text("변동성 높음", "high volatility"),
}

WHY: dict[str, Text] = {
    "too_few_sessions": Text("거래일이 너무 적습니다", "there are too few sessions"),
    "no_variation": Text("차이가 변하지 않습니다", "the difference does not vary"),
    "ruined": Text("계좌가 바닥났습니다", "the account was ruined"),
}

_UNDEFINED = Text("계산할 수 없습니다: {why}.", "It cannot be computed: {why}.")
_GONE = Text(
    "기준보다 나은 점이 사라집니다: 연 {without:+.1%} → {difference:+.1%}.",
    "What it adds is gone: {without:+.1%} → {difference:+.1%} a year.",
)
_NEVER = Text(
    "이 조건에서도 기준보다 못합니다: 연 {difference:+.1%}.",
    "It does not add anything here either: {difference:+.1%} a year.",
)

SENTENCES: dict[tuple[str, str], Text] = {
    ("alive", "nothing_new"): Text("새로 작동하는 규칙이 없습니다(삭제뿐).", "No rule is new: some are only removed."),
    ("alive", "fires"): Text(
        "`{rule}`은(는) {sessions:,}거래일 가운데 {days:,}일에 작동했습니다.",
        "`{rule}` fires on {days:,} of {sessions:,} sessions.",
    ),
    ("alive", "unconditional"): Text(
        "`{rule}`은(는) 조건 없이 늘 적용됩니다.", "`{rule}` holds always, as such a rule may."
    ),
    ("alive", "never_fires"): Text(
        "`{rule}`은(는) {sessions:,}거래일 동안 한 번도 작동하지 않았습니다.",
        "`{rule}` never fires in {sessions:,} sessions.",
    ),
    ("alive", "always_fires"): Text(
        "`{rule}`은(는) 거의 언제나(종목과 날의 {share:.1%}) 참이라 아무것도 가려내지 못합니다.",
        "`{rule}` is true nearly always ({share:.1%} of names and sessions), so it decides nothing.",
    ),
    ("alive", "rarely_fires"): Text(
        "`{rule}`은(는) {days:,}일에만 작동했습니다(최소 {least_days:,}일).",
        "`{rule}` fires on {days:,} sessions only; {least_days:,} are needed.",
    ),
    ("duplicate", "alone"): Text("견줄 만한 같은 종류의 규칙이 없습니다.", "There is no active rule of its kind."),
    ("duplicate", "different"): Text(
        "가장 비슷한 규칙 `{active}`과(와) {overlap:.0%}만 겹칩니다.",
        "It shares {overlap:.0%} of its firings with the nearest rule, `{active}`.",
    ),
    ("duplicate", "subsumed"): Text(
        "`{rule}`은(는) `{active}`에 포함됩니다: 작동의 {overlap:.0%}가 겹칩니다(한도 {limit:.0%}).",
        "`{rule}` is subsumed by `{active}`: {overlap:.0%} of its firings are the same (limit {limit:.0%}).",
    ),
    ("training", "better"): Text(
        "기준보다 연 {difference:+.1%} 낫습니다(거래 {trades:,}건).",
        "It adds {difference:+.1%} a year to the base, in {trades:,} trades.",
    ),
    ("training", "worse"): Text(
        "기준보다 연 {difference:+.1%}로, 나아지지 않았습니다(거래 {trades:,}건).",
        "It adds nothing to the base: {difference:+.1%} a year, in {trades:,} trades.",
    ),
    ("training", "no_effect"): Text(
        "주문이 기준과 같습니다: 이 규칙은 아무 거래도 바꾸지 않았습니다.",
        "It changes no trade: the results are those of the base.",
    ),
    ("training", "too_few_trades"): Text(
        "거래가 {trades:,}건뿐이라 알 수 없습니다(최소 {least_trades:,}건).",
        "There are {trades:,} trades only; {least_trades:,} are needed to tell.",
    ),
    ("untouched", "better"): Text(
        "아무도 보지 않은 {first} … {last}에서도 연 {difference:+.1%} 낫습니다.",
        "On unseen sessions, {first} … {last}, it adds {difference:+.1%} a year.",
    ),
    ("untouched", "worse"): Text(
        "아무도 보지 않은 {first} … {last}에서는 연 {difference:+.1%}로, 나아지지 않았습니다.",
        "On unseen sessions, {first} … {last}, it adds nothing: {difference:+.1%} a year.",
    ),
    ("untouched", "no_effect"): Text(
        "{first} … {last}에는 아무 거래도 바꾸지 않아 알 수 없습니다.",
        "It changes no trade from {first} to {last}, so these sessions say nothing.",
    ),
    ("untouched", "not_looked"): Text(
        "앞에서 탈락해 검증 구간({first} … {last})을 보지 않았습니다. 다음 후보를 위해 남겨 둡니다.",
        "It failed before, so it did not look at {first} … {last}: they are kept for the next candidate.",
    ),
    ("untouched", "no_window"): Text(
        "검증 구간을 모두 써서 새 거래일이 {missing:,}일 더 쌓여야 합니다.",
        "Every untouched window is used up: {missing:,} more sessions must come.",
    ),
    ("untouched", "other_question"): Text(
        "이 후보는 다른 기준이나 다른 설정으로 {first} … {last}을(를) 이미 보았습니다. 한 후보는 한 번만 볼 수 "
        "있습니다.",
        "This candidate has looked at {first} … {last} before, against another base or configuration. Each looks once.",
    ),
    ("costs", "still_there"): Text(
        "수수료와 세금을 두 번 내도 연 {difference:+.1%} 낫습니다.",
        "With every fee and tax paid twice it still adds {difference:+.1%} a year.",
    ),
    ("costs", "gone"): _GONE,
    ("costs", "never_there"): _NEVER,
    ("delay", "still_there"): Text(
        "주문이 한 봉 늦어도 연 {difference:+.1%} 낫습니다.",
        "With every order one bar late it still adds {difference:+.1%} a year.",
    ),
    ("delay", "gone"): _GONE,
    ("delay", "never_there"): _NEVER,
    ("slippage", "still_there"): Text(
        "더 불리하게 체결되어도 연 {difference:+.1%} 낫습니다.",
        "With worse fills it still adds {difference:+.1%} a year.",
    ),
    ("slippage", "gone"): _GONE,
    ("slippage", "never_there"): _NEVER,
    ("probabilistic_sharpe", "sure"): Text(
        "정말로 나을 확률이 {probability}입니다(차이의 샤프 {sharpe:.2f}, {sessions:,}거래일).",
        "It is better with {probability} probability (Sharpe of the difference {sharpe:.2f}, {sessions:,} sessions).",
    ),
    ("probabilistic_sharpe", "not_sure"): Text(
        "정말로 나을 확률이 {probability}로, {confidence:.0%}에 못 미칩니다(차이의 샤프 {sharpe:.2f}).",
        "It is better with {probability} probability, not {confidence:.0%} (Sharpe of the difference {sharpe:.2f}).",
    ),
    ("probabilistic_sharpe", "not_above_zero"): Text(
        "차이의 샤프 지수가 {sharpe:.2f}로 0보다 크지 않습니다.",
        "The Sharpe ratio of the difference is {sharpe:.2f}, not above 0.",
    ),
    ("probabilistic_sharpe", "undefined"): _UNDEFINED,
    ("deflated_sharpe", "beyond_luck"): Text(
        "지금까지 {raw_trials:,}번(유효 {trials:,}번) 시험한 운으로 나올 샤프 {luck:.2f}보다 높을 확률이 "
        "{probability}입니다.",
        "After {raw_trials:,} trials ({trials:,} effective) luck shows {luck:.2f}; it is above that with "
        "{probability} "
        "probability.",
    ),
    ("deflated_sharpe", "not_sure"): Text(
        "지금까지 {raw_trials:,}번(유효 {trials:,}번) 시험한 운으로 나올 샤프 {luck:.2f}보다 높을 확률이 "
        "{probability}로, "
        "{confidence:.0%}에 못 미칩니다.",
        "After {raw_trials:,} trials ({trials:,} effective) luck shows {luck:.2f}; it is above that with "
        "{probability} "
        "probability, not {confidence:.0%}.",
    ),
    ("deflated_sharpe", "luck_is_enough"): Text(
        "차이의 샤프 {sharpe:.2f}은(는) {raw_trials:,}번(유효 {trials:,}번) 시험하면 운만으로 나오는 "
        "{luck:.2f} 이하입니다.",
        "Its Sharpe ratio {sharpe:.2f} is no more than luck shows after {raw_trials:,} trials ({trials:,} "
        "effective): "
        "{luck:.2f}.",
    ),
    ("deflated_sharpe", "undefined"): _UNDEFINED,
    ("overfitting", "no_neighbours"): Text("움직여 볼 수가 없습니다.", "It has no number that could be moved."),
    ("overfitting", "plateau"): Text(
        "수를 조금 바꾼 이웃 {neighbours:,}개 가운데 {share_above_zero:.0%}가 기준보다 낫습니다(PBO {pbo:.0%}).",
        "{share_above_zero:.0%} of {neighbours:,} rules with slightly other numbers add something too (PBO {pbo:.0%}).",
    ),
    ("overfitting", "nothing_added"): Text(
        "후보도 나아지지 않았고, 수를 조금 바꾼 이웃 {neighbours:,}개 가운데서는 {share_above_zero:.0%}가 기준보다 "
        "낫습니다.",
        "It adds nothing itself; of {neighbours:,} rules with slightly other numbers {share_above_zero:.0%} do.",
    ),
    ("overfitting", "spike"): Text(
        "수를 조금 바꾼 이웃 {neighbours:,}개 가운데 {share_above_zero:.0%}만 기준보다 낫습니다: 이 수에서만 "
        "좋은 규칙일 수 있습니다.",
        "Only {share_above_zero:.0%} of {neighbours:,} rules with slightly other numbers add something: it may "
        "be good at "
        "these numbers alone.",
    ),
    ("overfitting", "overfitted"): Text(
        "이웃 {neighbours:,}개를 더해 고른 최고가 다른 기간에는 중간 이하일 확률(PBO)이 {pbo:.0%}, 손해일 확률이 "
        "{probability_of_loss:.0%}입니다.",
        "The best of it and {neighbours:,} neighbours falls to the middle or below elsewhere with {pbo:.0%} "
        "probability (PBO), and loses there with {probability_of_loss:.0%}.",
    ),
    ("overfitting", "too_short"): Text(
        "과최적화를 재기에는 기간이 너무 짧습니다.", "The window is too short to measure it."
    ),
    ("bootstrap", "above_zero"): Text(
        "연 차이의 {confidence:.0%} 구간이 {low:+.1%} … {high:+.1%}로 0보다 위에 있습니다.",
        "The {confidence:.0%} interval of the yearly difference, {low:+.1%} … {high:+.1%}, lies above 0.",
    ),
    ("bootstrap", "holds_zero"): Text(
        "연 차이의 {confidence:.0%} 구간 {low:+.1%} … {high:+.1%}에 0이 들어 있습니다.",
        "The {confidence:.0%} interval of the yearly difference, {low:+.1%} … {high:+.1%}, holds 0.",
    ),
    ("bootstrap", "below_zero"): Text(
        "연 차이의 {confidence:.0%} 구간 {low:+.1%} … {high:+.1%}가 0 이하입니다.",
        "The {confidence:.0%} interval of the yearly difference, {low:+.1%} … {high:+.1%}, is not above 0.",
    ),
    ("bootstrap", "undefined"): _UNDEFINED,
    ("online_fdr", "discovery"): Text(
        "p값({p_value})이 이번 후보에게 허락된 수준({level:.2g}) 이하입니다(앞선 후보 {tests_before:,}개).",
        "Its p-value {p_value} is within the level of this candidate, {level:.2g} ({tests_before:,} came before).",
    ),
    ("online_fdr", "above_level"): Text(
        "p값({p_value})이 이번 후보에게 허락된 수준({level:.2g})보다 큽니다: 승격 가운데 거짓을 {fdr:.0%} "
        "아래로 지키려면 근거가 더 "
        "필요합니다.",
        "Its p-value {p_value} is above the level of this candidate, {level:.2g}: keeping false promotions below "
        "{fdr:.0%} takes more evidence.",
    ),
    ("regimes", "none_loses"): Text(
        "어느 국면에서도 기준보다 못하지 않습니다.", "It adds something in every phase with enough sessions."
    ),
    ("regimes", "loses_in"): Text(
        "이 국면에서는 기준보다 못합니다: {losing}.", "It falls behind the base in: {losing}."
    ),
}

NOT_REACHED = Text("앞 단계에서 끝나 재지 않았습니다.", "It was not measured: an earlier step ended the judgement.")

WAIT = Text(
    "근거가 부족합니다: 약 {weeks:,}주가 더 필요합니다.", "Insufficient evidence: needs about {weeks:,} more weeks."
)

# What to do after each decision.
NEXT: dict[Decision, Text] = {
    "promote": Text(
        "프롬프트에 넣고 계속 지켜보십시오. 나빠지면 되돌립니다.",
        "Put it into the prompt and keep watching it; roll it back if it turns.",
    ),
    "shadow": Text(
        "돈 없이 지켜보며 자료가 쌓인 뒤에 다시 심사하십시오. 수를 고쳐 다시 내면 새 시험으로 셉니다.",
        "Watch it without money and judge it again when there is more data. With other numbers it is a new trial.",
    ),
    "reject": Text(
        "쓰지 마십시오. 고쳐서 다시 내면 새 시험으로 셉니다.",
        "Do not use it. A corrected version counts as a new trial.",
    ),
}
NEXT_AFTER_TEXT = Text(
    "글이나 식을 고쳐 다시 내십시오. 실행하지 않았으므로 시험으로 세지 않았습니다.",
    "Correct the rule and judge it again. It was not run, so it was not counted as a trial.",
)
