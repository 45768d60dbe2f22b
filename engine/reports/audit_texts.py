"""The words of an audit, Korean and English."""

from __future__ import annotations

from engine.reports.language import Text

CHECKS = {
    "repeat": Text("같은 실행을 두 번", "The same run twice"),
    "future": Text("미래 값을 바꿈", "Future changed"),
    "history": Text("데이터를 중간에서 끊음", "Data cut off"),
    "names": Text("나중에 상장한 종목을 뺌", "Later listings left out"),
    "start": Text("데이터를 늦게 시작", "Data begin later"),
    "source": Text("전략 파일의 외부 접근", "Reads outside the view"),
}
STATUSES = {
    "clean": Text("이상 없음", "clean"),
    "found": Text("발견", "FOUND"),
    "warning": Text("주의", "to know"),
    "skipped": Text("건너뜀", "skipped"),
}
REASONS = {
    "no_orders": Text("주문이 하나도 없어 비교할 것이 없습니다", "the strategy sends no order: nothing to compare"),
    "no_later_names": Text("나중에 상장한 종목이 데이터에 없습니다", "no instrument of the data is listed later"),
    "too_short": Text("기간이 짧습니다", "the range is too short"),
    "after_repeat": Text("같은 실행이 되풀이되지 않습니다", "the run cannot be repeated"),
}
INPUTS = {
    "open": Text("시가", "open"),
    "high": Text("고가", "high"),
    "low": Text("저가", "low"),
    "close": Text("종가", "close"),
    "volume": Text("거래량", "volume"),
    "value": Text("거래대금", "traded value"),
    "shares": Text("상장주식수·시가총액", "listed shares, market cap"),
    "base": Text("기준가", "base price"),
    "index": Text("지수", "index"),
    "status": Text("종목 상태·상장 첫날", "status, first day"),
    "halts": Text("거래 정지", "halts"),
    "actions": Text("액면분할 등 권리 변동", "corporate actions"),
    "dividends": Text("현금 배당", "cash dividends"),
    "listing": Text("신규 상장", "new listings"),
    "delisting": Text("상장 폐지·자료의 끝", "delistings, ends of rows"),
}
VERDICTS = {
    "clean": Text(
        "미래 참조를 찾지 못했습니다. 미래를 바꾸거나 끊은 세계 {worlds}개에서 결정이 모두 같았습니다.",
        "No look-ahead found: in {worlds} worlds with another future, or none, every decision was the same.",
    ),
    "silent": Text(
        "판단할 수 없습니다. 이 기간에 주문이 하나도 없었습니다.",
        "Nothing can be said: the strategy sent no order in this range.",
    ),
    "found": Text(
        "미래를 봅니다. {time}의 결정이 그때 알 수 없던 값에 따라 바뀌었습니다.",
        "Look-ahead: a decision of {time} changed with what could not be known then.",
    ),
    "repeat": Text(
        "같은 실행이 되풀이되지 않습니다. 시드 없는 난수나 실행 사이에 남는 상태를 없앤 뒤 다시 점검하세요.",
        "The same run twice gives two results. Remove random numbers without a seed and what is kept from run to run, "
        "then audit again.",
    ),
}
LEADS = {
    "repeat": Text("두 번째 실행에서 처음 달라진 결정", "The first decision that differs in the second run"),
    "future": Text(
        "{cut} 뒤의 값을 바꾸자 처음 달라진 결정", "The first decision that moved when values after {cut} changed"
    ),
    "history": Text(
        "데이터가 {cut}에 끝나자 처음 달라진 결정", "The first decision that moved when the data end on {cut}"
    ),
    "names": Text(
        "{cut} 뒤에 상장한 종목을 빼자 처음 달라진 결정",
        "The first decision that moved without the names listed after {cut}",
    ),
    "start": Text("과거를 적게 주자 처음 달라진 결정", "The first decision that moved with less history"),
}
WHY = {
    "names": Text(
        "종목 목록 자체가 미래를 알려 줍니다. 목록의 수나 순서에 기대지 말고 view.is_listed로 그날의 종목만 쓰세요.",
        "The list of instruments itself tells the future. Use view.is_listed for those of the day, not the length or "
        "order of the list.",
    ),
    "start": Text(
        "선언한 과거 {declared}봉으로는 모자랍니다. {enough} 같은 전략도 시작하는 날에 따라 다르게 거래합니다"
        "(미래 참조는 아닙니다).",
        "The declared history of {declared} bars is not enough. {enough} The same strategy trades differently "
        "depending on the day it starts (this is no look-ahead).",
    ),
    "source": Text(
        "전략은 view만으로 충분합니다. 파일이나 네트워크에서 읽는 값은 점검이 바꿀 수 없으니 직접 확인하세요.",
        "A strategy needs nothing but its view. What it reads from files or the network the audit cannot change: look "
        "at these lines yourself.",
    ),
}
ENOUGH = Text("{bars}봉이면 결정이 같아집니다.", "From {bars} bars on the decisions are the same.")
NEVER_ENOUGH = Text("과거 전체를 주어야만 결정이 같습니다.", "Only with the whole history are they the same.")
MOVED_BY = Text("바꾼 값", "moved by")
TOGETHER = Text("여러 값을 함께 바꿀 때만", "only several together")
NEEDS = Text("미래 {bars}봉이 필요합니다", "needs {bars} of the future")
NEEDS_RANGE = Text("미래 {near}봉째부터 {far}봉째까지의 값에 좌우됩니다", "depends on bars {near} to {far} ahead")
BEFORE, AFTER, NONE = Text("원래", "before"), Text("바뀐 뒤", "after"), Text("없음", "nothing")
STRATEGY = Text("파이썬 전략", "the strategy")
ACCOUNT = Text("체결 없이 계좌 금액만 달라졌습니다", "no order moved, the account's money did")
FAILED = Text("그 세계에서는 실행이 실패합니다: {error}", "in that world the run fails: {error}")
SIDES = {"buy": Text("매수", "buy"), "sell": Text("매도", "sell")}
ORDER = Text("{side} {quantity:,}주 {kind}", "{side} {quantity:,} {kind}")
KINDS = {
    "market": Text("시장가", "at market"),
    "limit": Text("지정가", "at limit"),
    "stop": Text("역지정가", "at stop"),
    "guard stop": Text("감시 손절", "guarded stop"),
    "guard target": Text("감시 익절", "guarded target"),
    "delisting": Text("상장 폐지 정리", "delisting"),
    "fill": Text("체결", "filled"),
}
HEADS = Text("점검|결과|세계", "Check|Result|Worlds")
FOOT = Text(
    "자른 곳 {cuts}개 · 시드 {seed} · 실행 {runs}번 · 원래 실행의 주문 {orders:,}건 · "
    "선언한 과거 {declared}봉 · {hash}",
    "{cuts} cuts · seed {seed} · {runs} runs · {orders:,} orders in the unchanged run · "
    "declared history {declared} bars · {hash}",
)
LIMIT = Text(
    "점검은 미래 참조를 보여 줄 수는 있어도 없음을 증명하지는 못합니다. "
    "과거 성적을 보고 고른 규칙이나 상수는 여기에 드러나지 않습니다.",
    "An audit can show look-ahead, not prove that there is none. Rules and constants that were chosen because they "
    "did well in the past do not show here.",
)
SURVIVORS = Text(
    "데이터에 사라진 종목이 거의 없습니다. 살아남은 종목만 고른 데이터의 편향은 다시 실행해도 드러나지 않습니다.",
    "Next to no name of the data ended: the bias of data that hold survivors only cannot be shown by running again.",
)
