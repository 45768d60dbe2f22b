"""The sentences and headings of a walk forward in both languages."""

from __future__ import annotations

from engine.reports.language import Text

TITLE = Text("전진 분석", "Walk forward")
OWN = Text("전진 분석", "Walk forward")
BASE = Text("바꾸지 않은 규칙", "Unchanged rules")
HEADLINE = Text(
    "표본 밖 수익률 {own} (샤프 {own_sharpe}) · 바꾸지 않은 규칙 {base} (샤프 {base_sharpe}){index}",
    "Out of sample {own} (Sharpe {own_sharpe}) · unchanged rules {base} (Sharpe {base_sharpe}){index}",
)
FACTS = Text(
    "{first} ~ {last} · {windows}구간 · 변형 {variants:,}개 · 학습 {train:,} · 제외 {gap:,} · 검증 {test:,}거래일 · "
    "{data}",
    "{first} ~ {last} · {windows} windows · {variants:,} variants · train {train:,}, gap {gap:,}, test {test:,} "
    "sessions · {data}",
)
FIGURES = {
    "total_return": Text("총수익률", "Total return"),
    "annual_mean": Text("연평균(일평균 × 연 횟수)", "Mean per year"),
    "sharpe": Text("샤프 지수", "Sharpe ratio"),
    "max_drawdown": Text("최대 낙폭", "Maximum drawdown"),
}
FIGURE = Text("지표", "Figure")
HEADS = {
    "window": Text("구간", "Window"),
    "train": Text("학습", "Training"),
    "test": Text("검증", "Test"),
    "sharpe_in": Text("샤프 학습", "Sharpe in"),
    "sharpe_out": Text("샤프 검증", "Sharpe out"),
    "return_in": Text("연평균 학습", "Yearly in"),
    "own": Text("검증 수익률", "Return out"),
    "base": Text("바꾸지 않음", "Unchanged"),
    "index": Text("지수", "Index"),
    "trades": Text("거래", "Trades"),
}
EARLIER = Text("그 앞의 {count:,}구간은 HTML 보고서에 있습니다.", "{count:,} earlier windows stand in the HTML report.")
EFFICIENCY = Text(
    "효율(검증 ÷ 학습): 연평균 수익률 {returns}, 샤프 {sharpe}. 1에 가까우면 학습에서 본 것이 그대로 남았고, 0 "
    "이하이면 운이었습니다.",
    "Efficiency (out of sample over training): mean return {returns}, Sharpe {sharpe}. Near 1 what was seen in "
    "training has stayed; at 0 or below it was luck.",
)
NO_EFFICIENCY = Text("없음(학습 수익이 0 이하)", "none (training earned nothing)")
BETTER = Text(
    "고른 상수는 {windows}구간 가운데 {won}구간에서 바꾸지 않은 규칙보다 많이 벌었습니다.",
    "The chosen constants earned more than the unchanged rules in {won} of {windows} windows.",
)
DRIFT = Text(
    "{name}: {changes}번의 갱신 가운데 {moved}번 바뀌었고 {low}에서 {high}까지 {kinds}가지 값이었습니다.",
    "{name} moved in {moved} of {changes} re-selections and took {kinds} values from {low} to {high}.",
)
PATHS = Text(
    "조합 경로 {paths:,}개(분할 {splits:,}개, {folds}겹 중 {tests}겹 검증): 샤프 5% {low}, 중앙값 {middle}, 95% "
    "{high}, 손실 경로 {loss}. 바꾸지 않은 규칙의 샤프 {base}.",
    "{paths:,} combinatorial paths ({splits:,} splits, {tests} of {folds} folds tested): Sharpe 5% {low}, median "
    "{middle}, 95% {high}; {loss} of the paths lose money. Sharpe of the unchanged rules {base}.",
)
SKIPPED = Text(
    "격자의 {count:,}개 점은 규칙으로 성립하지 않아 뺐습니다.",
    "{count:,} points of the grid make no rule and were left out.",
)
TRIALS = Text(
    "변형 {count:,}개를 시험으로 장부 {ledger}에 적었습니다(이 데이터의 시험 {raw:,}건).",
    "{count:,} variants are trials in the ledger {ledger} now ({raw:,} on this dataset).",
)
SEAM = Text(
    "이음매: 한 계좌가 모든 검증 구간을 이어서 거래합니다. 상수가 바뀔 때 아무것도 사거나 팔지 않고, 앞 상수로 산 "
    "종목을 뒤 상수가 관리하므로 구간 초반의 성과에는 앞 구간의 선택이 섞여 있습니다.",
    "Seams: one account trades all test windows. Nothing is bought or sold when constants change; the new ones "
    "take over what the old ones bought, so the first days of a window are the work of both.",
)
CHOICE = Text(
    "선택: 각 변형을 전체 기간에 한 번 실행하고, 학습 구간의 일별 수익률로 고릅니다(기준: {choice}). 학습과 검증 "
    "사이 {gap:,}거래일을 뺍니다.",
    "Choice: every variant runs once over the whole range and is judged by its daily returns in the training "
    "window (by {choice}). {gap:,} sessions between training and test are left out.",
)
CHOICES = {
    "sharpe": Text("샤프 지수", "Sharpe ratio"),
    "mean": Text("평균 수익률", "mean return"),
    "plateau": Text("이웃과 함께 평균한 샤프 지수", "Sharpe ratio averaged with the neighbours"),
}
PATHS_NOTE = Text(
    "경로는 변형들의 수익률을 이어 붙인 것이라 바꿀 때의 거래와 비용이 없고, 학습 구간이 검증 뒤에도 있습니다. "
    "실적이 아니라 결과가 기간 나누기에 얼마나 달려 있는지를 보는 그림입니다.",
    "A path strings returns of variants together, without trades or costs where it changes, and its training lies "
    "after its tests as well as before. It is no track record; it shows how much of the result hangs on the cut.",
)
WARNING = Text(
    "표본 밖이라는 말은 이 격자를 처음 볼 때만 참입니다. 결과를 보고 격자를 고쳐 다시 돌리면 검증 구간도 학습에 쓴 "
    "것이 됩니다.",
    "Out of sample is true only the first time: change the grid after seeing this and run again, and the test "
    "windows have become training data.",
)
UNTOUCHED = Text(
    "이 기간은 심사(`geoul gate`)가 아무에게도 보이지 않으려고 남겨 둔 구간({day}부터)을 포함합니다. --to로 그 "
    "앞에서 끝내십시오.",
    "The range reaches into the sessions from {day} on that the gate keeps unseen. End before them with --to.",
)
SYNTHETIC = Text("합성 데이터: 실제 시장의 결과가 아닙니다.", "SYNTHETIC DATA: not a result of a real market")
TIMELINE = Text("학습과 검증 구간", "Training and test windows")
TIMELINE_HINT = Text(
    "구간 {number}: 학습 {train_first} ~ {train_last}, 검증 {first} ~ {last}",
    "Window {number}: training {train_first} … {train_last}, test {first} … {last}",
)
DRIFT_PICTURE = Text("구간마다 고른 값: {name}", "Value chosen in each window: {name}")
PAIRS_PICTURE = Text("구간별 샤프 지수: 학습과 검증", "Sharpe ratio of each window: training and test")
FAN_PICTURE = Text("조합 경로의 자산(시작 = 1)", "Equity of the combinatorial paths (start = 1)")
SPREAD_PICTURE = Text("조합 경로의 샤프 지수 분포", "Sharpe ratios of the combinatorial paths")
KEYS = {
    "train": Text("학습", "Training"),
    "test": Text("검증", "Test"),
    "paths": Text("경로", "Paths"),
    "median": Text("중앙값", "Median"),
}
