"""What the codes of a result mean: reasons for missing figures, refusals, order words, rule categories."""

from __future__ import annotations

from engine.reports.language import Lang, Text

UNDEFINED = {
    "too_few_sessions": Text("평가할 세션이 모자랍니다", "too few sessions to compute it"),
    "under_a_year": Text(
        "기간이 1년이 안 되어 연율로 늘리면 부풀려집니다",
        "the run is shorter than a year; annualising exaggerates",
    ),
    "no_variation": Text("수익률이 변하지 않았습니다", "the returns do not vary"),
    "no_losing_session": Text("손실 세션이 없습니다", "no session lost money"),
    "no_drawdown": Text("낙폭이 없었습니다", "equity never fell"),
    "no_benchmark": Text("이 기간의 벤치마크 지수가 데이터에 없습니다", "the data has no benchmark for this range"),
    "no_trades": Text("청산된 거래가 없습니다", "no trade was closed"),
    "no_winners": Text("이익 거래가 없습니다", "no trade made a profit"),
    "no_losers": Text("손실 거래가 없습니다", "no trade made a loss"),
    "ruined": Text("자산이 0이 되었습니다", "equity fell to zero"),
    "no_alternative": Text("견줄 다른 변형이 없습니다", "there is no other variant to compare with"),
}
REFUSALS = {
    "not_tradable": Text("거래할 수 없는 종목·봉", "not tradable on that bar"),
    "buys_blocked": Text("규칙이 매수를 막음", "a rule blocked buys"),
    "day_loss_limit": Text("일일 손실 한도", "daily loss limit"),
    "halted": Text("거래 중단 상태", "trading is halted"),
    "position_count_limit": Text("보유 종목 수 한도", "limit on the number of positions"),
    "position_weight_limit": Text("종목 비중 한도", "limit on the weight of one name"),
    "sector_limit": Text("업종 비중 한도", "limit on one sector"),
    "gross_exposure_limit": Text("총 투자 비중 한도", "limit on gross exposure"),
    "not_enough_cash": Text("주문 가능 현금 부족", "not enough orderable cash"),
    "not_held": Text("보유하지 않은 종목", "not held"),
    "quantity_zero": Text("주문 수량이 1주 미만", "less than one share"),
    "bad_price": Text("호가 단위나 가격 제한에 어긋난 가격", "price off the tick or beyond the limits"),
    "risk_unknown": Text("위험 조건을 알 수 없음", "a risk condition is unknown"),
    "order_value_limit": Text("주문 금액 한도", "limit on the value of one order"),
    "order_too_small": Text("최소 주문 금액 미만", "below the least size of a purchase"),
    "order_rate_limit": Text("주문 빈도 한도", "limit on orders per time"),
    "price_too_far": Text("현재가에서 너무 먼 가격", "price too far from the market"),
    "market_closed": Text("장이 닫혀 있음", "market closed"),
    "stale_data": Text("오래된 시세", "stale prices"),
    "stale_plan": Text("늦은 계획", "late plan"),
    "losing_streak": Text("연속 손실 한도", "losing streak"),
    "warned_issue": Text("투자주의환기종목", "issue under an investment warning"),
    "restricted": Text("거래 제한 종목", "restricted name"),
    "unresolved_order": Text("결과를 모르는 주문이 남아 있음", "an order of unknown outcome is pending"),
    "autonomy_level": Text("자율 단계가 허용하지 않음", "autonomy level does not allow it"),
    "time_unknown": Text("지금 시각을 모름", "it is not known what time it is"),
    "venue": Text("증권사·거래소가 거부", "refused by the broker or the exchange"),
}
WORDS = {
    "buy": Text("매수", "buy"),
    "sell": Text("매도", "sell"),
    "entry_criteria": Text("진입", "entry"),
    "exit_criteria": Text("청산", "exit"),
    "position_sizing": Text("수량", "sizing"),
    "risk_management": Text("위험 관리", "risk"),
    "added": Text("추가", "added"),
    "removed": Text("삭제", "removed"),
    "changed": Text("변경", "changed"),
    "reordered": Text("순서 변경", "reordered"),
}
STATUSES = {
    "open": Text("대기 중", "open"),
    "filled": Text("체결", "filled"),
    "partly filled": Text("일부 체결", "partly filled"),
    "expired": Text("당일 만료", "expired"),
    "cancelled": Text("취소", "cancelled"),
    "refused": Text("거부", "refused"),
}


def status(code: str, lang: Lang) -> str:
    """The state of an order in words."""
    return STATUSES[code](lang) if code in STATUSES else code


def word(code: str, lang: Lang) -> str:
    """The word for a code; the code itself where there is none, so that nothing is hidden."""
    return WORDS[code](lang) if code in WORDS else code


def refusal(code: str, lang: Lang) -> str:
    """The reason of a refusal in words; an unknown code is shown as it is."""
    return REFUSALS[code](lang) if code in REFUSALS else code


def undefined(code: str, lang: Lang) -> str:
    """Why a figure has no value."""
    return UNDEFINED[code](lang)
