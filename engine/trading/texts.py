"""What the trading loop says, in Korean and English."""

from __future__ import annotations

from engine.reports.language import Text

OPENED = Text("장부를 열었습니다: 예수금 {cash:,}원", "The ledger begins with {cash:,} won")
CONTINUED = Text(
    "장부를 이어 갑니다: 현금 {cash:,}원, 보유 {count}종목", "The ledger goes on: {cash:,} won, {count} names"
)
DECIDED = Text("{id} 판단: 주문 {orders}건, 감시 {levels}건", "Decision {id}: {orders} orders, {levels} watched levels")
GOES_ON = Text("{id} 판단을 이어 갑니다: 감시 {levels}건", "Decision {id} goes on: {levels} watched levels")
LATE = Text(
    "{time:%H:%M} 이후의 판단이라 매수하지 않습니다 · 매도와 감시는 그대로입니다",
    "after {time:%H:%M} nothing is bought any more; sells and watched levels stand",
)
WAITING = Text("다음: {time:%m-%d %H:%M} {what}", "Next: {time:%m-%d %H:%M} {what}")
TO_DECIDE = Text("판단", "decision")
TO_END = Text("마감", "end of day")
FILLED = Text(
    "{side} 체결 {ticker} {quantity:,}주 × {price:,}원", "Filled: {side} {quantity:,} of {ticker} × {price:,} won"
)
SIDES = {"buy": Text("매수", "bought"), "sell": Text("매도", "sold")}  # of what is filled
ORDERS = {"buy": Text("매수", "buy"), "sell": Text("매도", "sell")}
REACHED = Text(
    "감시 가격 도달: {ticker} {price:,}원(기준 {level:,}원) → {quantity:,}주 {side} 주문",
    "Level reached: {ticker} {price:,} won (level {level:,}) → order to {side} {quantity:,}",
)
RESTATED = Text(
    "{ticker} 기준가 {base:,}원: 권리락·분할로 보고 감시 가격을 1/{ratio:.4g}로 고칩니다",
    "{ticker} begins the day at {base:,} won: a right has left it, its levels are divided by {ratio:.4g}",
)
NOT_TAKEN = Text("주문이 나가지 않았습니다: {ticker} {why}", "An order was not taken: {ticker} {why}")
TROUBLE = Text("{what} 실패, {seconds}초 뒤 다시 시도합니다: {why}", "{what} failed, tried again in {seconds} s: {why}")
FAILS_ON = Text(
    "{what}: {since:%m-%d %H:%M}부터 계속 실패합니다. 그동안 보유 종목이 지켜지지 않을 수 있습니다. KIS 점검이 아니면 "
    "앱키 만료·해지, 모의투자 기간 종료를 확인하세요(geoul kis doctor). {why}",
    "{what} has failed since {since:%m-%d %H:%M}; holdings may be unguarded. If KIS is not closed for maintenance, see "
    "whether the app key was revoked or the paper account has ended (geoul kis doctor). {why}",
)
WORKS_AGAIN = Text(
    "{what}: 다시 됩니다({since:%m-%d %H:%M}부터 실패)", "{what} works again (failed since {since:%m-%d %H:%M})"
)
CASH_DIFFERS = Text(
    "현금이 장부와 다릅니다: 장부 {ours:,}원, 계좌 {theirs:,}원. 입출금·배당·이자였다면 geoul cash로 적으세요.",
    "Cash differs: ledger {ours:,}, account {theirs:,} won. If money was paid in or out, tell geoul cash.",
)
SHARES_DIFFER = Text(
    "{ticker} 수량이 장부와 다릅니다: 장부 {ours:,}주, 계좌 {theirs:,}주. 같아질 때까지 사지 않고, 감시 가격(손절 "
    "등)만 둘 중 적은 수량을 팝니다. 직접 매매했다면 geoul traded로 적으세요. 분할·무상증자라면 적지 말고 기다리세요: "
    "장부는 그날 첫 체결이나 마감 뒤 데이터가 고칩니다.",
    "{ticker} differs: ledger {ours:,}, account {theirs:,} shares. Until they agree it is not bought, and only guarded "
    "levels (stops) sell, the smaller of the two. If you traded it by hand, tell geoul traded. After a split or bonus "
    "issue tell nothing and wait: the first trade of the day, or the data after the close, corrects the ledger.",
)
SHARES_AWAITED = Text(
    "{ticker} 새 주식을 기다립니다: 장부 {ours:,}주(권리락·분할 반영), 계좌 {theirs:,}주. geoul traded로 적지 말고 "
    "기다리세요: 상장까지 몇 주 걸릴 수 있고, 들어오면 다시 거래합니다. 그때까지 사지 않고, 감시 가격(손절 등)만 "
    "계좌에 있는 수량을 팝니다. 직접 팔았거나 유상증자를 받지 않아 끝내 들어오지 않을 주식만 geoul traded sold로 "
    "적으세요.",
    "{ticker} waits for new shares: ledger {ours:,} (split or right counted), account {theirs:,}. Wait, and do not "
    "tell geoul traded: their listing may take weeks, then the name is traded again. Until then it is not bought, and "
    "only guarded levels (stops) sell what the account has. Tell geoul traded sold only for shares that you sold by "
    "hand, or that will never come because a rights issue was not taken up.",
)
ORDER_IN_DOUBT = Text(
    "{ticker} 손절 등 보호 매도가 나가지 못합니다: 앞선 주문의 결과를 몰라 두 번 팔 수 있습니다. HTS에서 확인하세요.",
    "No protective sell of {ticker} leaves: what became of an earlier order is not known, and it could sell twice. "
    "Look into the HTS.",
)
SHARES_UNKNOWN = Text(
    "{ticker} 보호 매도가 나가지 못합니다: 계좌의 수량을 알 수 없습니다. {why}",
    "No protective sell of {ticker} leaves: how many shares the account has is not known. {why}",
)
NO_SHARES = Text(
    "{ticker} 감시 가격에 도달했지만 계좌에 팔 수 있는 주식이 없습니다.",
    "A level of {ticker} was reached, but the account has no shares to sell.",
)
BASE_UNEXPLAINED = Text(
    "{ticker} 기준가가 바뀌었는데 비율을 알 수 없어 오늘은 감시 가격과 비교할 수 없습니다. HTS에서 확인하세요.",
    "The base price of {ticker} changed by an unknown ratio of shares, so its levels cannot be judged today. Look into "
    "the HTS.",
)
FOREIGN = Text(
    "{ticker} {count:,}주는 거울이 산 것이 아니므로 그대로 둡니다.",
    "{count:,} shares of {ticker} were not bought by Geoul and are left alone.",
)
BLOCKED = Text("장부와 계좌의 수량이 다른 종목", "ledger and account disagree about this name")
WITHDRAWN = Text("주문 취소 요청: {ticker} {quantity:,}주", "Asked to withdraw {quantity:,} of {ticker}")
NOT_WITHDRAWN = Text("주문을 취소하지 못했습니다: {ticker} {why}", "An order was not withdrawn: {ticker} {why}")
SELLS_OUT = Text("정지에 따른 매도: {ticker} {quantity:,}주", "Sold because of the halt: {quantity:,} of {ticker}")
CARRIED_OUT = Text("{id} 승인된 계획 실행: 주문 {orders}건", "Approved plan {id} carried out: {orders} orders")
TOO_LATE = Text("매수 시한이 지남", "too late to buy")
DAY_REPORT = Text(
    "{session} 마감: 평가액 {equity:,}원({change}), 현금 {cash:,}원, 보유 {positions}종목, 체결 {fills}건, "
    "수수료·세금 {costs:,}원",
    "End of {session}: equity {equity:,} won ({change}), cash {cash:,}, {positions} names, {fills} fills, "
    "costs {costs:,} won",
)
STEPS = {
    "start": Text("시작", "Start"),
    "decide": Text("판단", "Decision"),
    "end": Text("마감", "End of day"),
    "prices": Text("시세 확인", "Asking for prices"),
    "list": Text("주문 내역 확인", "Asking for the list of orders"),
    "compare": Text("계좌와 장부 비교", "Comparing account and ledger"),
    "poll": Text("수신", "Hearing the venue"),
    "approved": Text("승인된 계획", "The approved plan"),
    "halt": Text("정지 처리", "Clearing up for a halt"),
    "protect": Text("보호 주문", "Protective order"),
}
MOMENTS = {"decide": TO_DECIDE, "end": TO_END}
UNEXPLAINED = Text(
    "{session}: 재생과의 차이 가운데 원인을 모르는 것이 있습니다. geoul mirror로 확인하세요.",
    "{session}: a difference to the replay has no known cause. Look at it with geoul mirror.",
)
