"""What the supervisor of an account says, in Korean and English."""

from __future__ import annotations

from collections.abc import Sequence

from engine.operating.state import Action, label
from engine.reports.language import Lang, Text

HALTED = Text(
    "정지 상태: 매수하지 않습니다(매도와 감시는 계속)", "halted: nothing is bought; exits and watched levels go on"
)
HALTED_ALL = Text("전면 정지 상태: 어떤 주문도 내지 않습니다", "halted: no order of any kind is sent")
RESUMED = Text("재개: {who} · {reason}", "Resumed by {who}: {reason}")
WHY = Text("이유를 적으세요(--reason).", "Say why (--reason).")
FILE_IS_THERE = Text(
    "{path} 파일이 있는 동안은 정지 상태입니다. 파일을 지우고 다시 실행하세요.",
    "The file {path} keeps the account halted. Remove it and resume again.",
)
RULE_HALTED = Text(
    "프롬프트의 halt 규칙이 매수를 멈췄습니다. 확인한 뒤: geoul resume {folder} --reason …",
    "A halt rule of the prompt stops purchases. Look at it, then: geoul resume {folder} --reason …",
)
LEVEL_HOLDS = Text("자율 단계 LV{level}: 새로 사지 않습니다", "autonomy level LV{level}: nothing new is bought")
WAITS = Text("승인을 기다립니다", "waits for approval")
REJECTED = Text("사람이 거절한 계획", "a person rejected the plan")
LEVEL_SET = Text("자율 단계 LV{level} ({name})", "Autonomy level LV{level} ({name})")
FELL_BACK = Text(
    "자율 단계를 LV{before}에서 LV{level}로 낮췄습니다: {reason} · 보유 종목은 계속 지킵니다",
    "The autonomy level fell from LV{before} to LV{level}: {reason}. Holdings stay guarded.",
)
LEVEL_EXPIRED = Text("기한 {time:%Y-%m-%d %H:%M}이 지남", "it was given until {time:%Y-%m-%d %H:%M}")
UNEXPLAINED = Text("재생과의 차이를 설명할 수 없음", "a difference to the replay has no known cause")
TOO_DEEP = Text("낙폭 {have:.1%}가 한도 {need:.0%}를 넘음", "drawdown of {have:.1%}, the limit is {need:.0%}")
WAS_SILENT = Text(
    "{time:%Y-%m-%d %H:%M:%S} geoul watch의 경보: {text}", "Alarm of geoul watch at {time:%Y-%m-%d %H:%M:%S}: {text}"
)
DONE = Text("처리됨", "done")
PLAN_WAITS = Text(
    "계획 {id}이(가) {time:%H:%M}까지 승인을 기다립니다: geoul approve {folder} {id}\n{plan}",
    "Plan {id} waits for approval until {time:%H:%M}: geoul approve {folder} {id}\n{plan}",
)
PLAN_SHOWN = Text("계획 {id} (제안만, 주문 없음)\n{plan}", "Plan {id} (a proposal, no orders)\n{plan}")
PURCHASE = Text("{name} {quantity:,}주 매수 {price}", "buy {quantity:,} of {name} {price}")
AT_MARKET = Text("시장가", "at market")
AT = Text("{kind} {price:,.0f}원", "{kind} {price:,.0f} won")
FROM_OPEN = Text("시가 {price:+,.0f}원", "the open {price:+,.0f} won")
KINDS = {"limit": Text("지정가", "limit"), "stop": Text("스톱", "stop")}
NO_PLAN = Text(
    "계획 {id}이(가) 없습니다. 목록: geoul plans {folder}", "There is no plan {id}. The list: geoul plans {folder}"
)
ANSWERED = Text("계획 {id}에는 {who}가 이미 답했습니다({answer}).", "Plan {id} was {answer} by {who} already.")
EXPIRED = Text(
    "계획 {id}의 기한 {time:%Y-%m-%d %H:%M}이 지났습니다. 다음 판단을 기다리세요.",
    "Plan {id} expired at {time:%Y-%m-%d %H:%M}. Wait for the next decision.",
)
NOT_AT_FOUR = Text(
    "승인은 LV4에서만 주문이 됩니다. 지금은 LV{level}입니다.",
    "An approval sends orders at LV4 only; the account is at LV{level}.",
)
IS_APPROVED = Text("계획 {id} 승인: {who}", "Plan {id} approved by {who}")
IS_REJECTED = Text("계획 {id} 거절: {who}", "Plan {id} rejected by {who}")
PAID_IN = Text("입금", "Paid in")
PAID_OUT = Text("출금", "Paid out")
INCOME = Text("배당·이자", "Dividend or interest")
COST = Text("비용", "Costs")
CASH_MOVED = Text(
    "장부에 적었습니다: {what} {amount:+,}원, 현금 {cash:,}원", "Booked: {what} {amount:+,} won; cash {cash:,} won"
)
HAND_TRADE = Text(
    "장부에 적었습니다: 직접 {side} {ticker} {quantity:,}주 × {price:,}원",
    "Booked: {side} by hand, {quantity:,} of {ticker} × {price:,} won",
)
TOO_LITTLE_CASH = Text(
    "장부의 현금은 {cash:,}원뿐입니다. 금액을 확인하십시오.", "The ledger has {cash:,} won only. Check the amount."
)


def plan_text(purchases: Sequence[Action], lang: Lang) -> str:
    """Purchases for people, one line each."""
    return "\n".join(f"  {_purchase(action, lang)} [{', '.join(action.rule_ids)}]" for action in purchases)


def _purchase(action: Action, lang: Lang) -> str:
    if action.price is None:
        price = AT_MARKET(lang)
    elif action.from_open:
        price = FROM_OPEN(lang).format(price=action.price)
    else:
        price = AT(lang).format(kind=KINDS[action.kind.value](lang), price=action.price)
    return PURCHASE(lang).format(name=label(action.name, action.ticker), quantity=action.quantity, price=price)
