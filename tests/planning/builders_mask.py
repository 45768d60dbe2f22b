"""A small market as a context, so that two worlds can differ in names, dates and level of prices only."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from engine.model.request import ModelRequest
from tests.planner_world import shown

NAMES = {
    "005930": "삼성전자",
    "000660": "SK하이닉스",
    "035420": "NAVER",
    "001680": "대상",
    "000270": "기아",
    "0001U0": "가온전자",
    "033626": "033626",
}
OTHER_NAMES = {
    "105560": "KB금융",
    "207940": "삼성바이오로직스",
    "251270": "넷마블",
    "004990": "롯데지주",
    "271560": "오리온",
    "0002V0": "나래식품",
    "069500": "KODEX 200",
}


def world_context(tickers: list[str], names: dict[str, str], day: date, scale: int = 1) -> dict[str, Any]:
    """The same portfolio and market on other names, at another time, at another level of prices and money."""
    held, signalled, fallen = tickers[0], tickers[1], tickers[2]
    return {
        "time": {"date": day.isoformat(), "clock": "15:30", "weekday": "tue"},
        "portfolio": {
            "total_won": 10_000_000 * scale,
            "cash_won": 7_200_000 * scale,
            "orderable_won": 7_000_000 * scale,
            "holdings_won": 2_800_000 * scale,
            "holdings": [
                {
                    "ticker": held,
                    "name": names[held],
                    "quantity": 40,
                    "average_price_won": 65_125.5 * scale,
                    "price_won": 70_000 * scale,
                    "previous_close_won": 68_000 * scale,
                    "value_won": 2_800_000 * scale,
                    "profit_won": 194_980 * scale,
                    "profit_ratio": 0.0748,
                    "weight": 0.28,
                    "change_rate": 0.0294,
                    "volume": 12_345_678,
                    "market_cap_won": 417_000_000_000_000 * scale,
                    "trading_strength": None,
                }
            ],
        },
        "market": {
            "index": {
                "code": "KOSPI",
                "level": 2_650.12 * scale,
                "change_rate": 0.0041,
                "mean_20": 2_601.55 * scale,
                "volatility_20": 0.151,
            },
            "breadth": {"advancers": 512, "decliners": 301, "unchanged": 87, "advancer_share": 0.5689},
            "sentiment": "neutral",
            "opportunities": [
                {
                    "rank": 1,
                    "ticker": signalled,
                    "name": names[signalled],
                    "price_won": 131_500 * scale,
                    "change_rate": 0.051,
                    "volume": 9_876_543,
                    "volume_growth": 2.31,
                }
            ],
            "risks": [
                {
                    "rank": 1,
                    "ticker": fallen,
                    "name": names[fallen],
                    "price_won": 201_000 * scale,
                    "change_rate": -0.061,
                    "volume": 1_234_567,
                    "volume_growth": None,
                }
            ],
        },
        "signals": [
            {
                "ticker": signalled,
                "name": names[signalled],
                "quantity": 7,
                "weight": 0.092,
                "price_won": 131_500 * scale,
                "previous_close_won": 125_000 * scale,
                "change_rate": 0.052,
                "volume": 9_876_543,
                "market_cap_won": 95_700_000_000_000 * scale,
                "order": "limit",
                "order_price_won": 131_000 * scale,
                "from_open": False,
                "rule_ids": ["cross-above-mean"],
                "figures": [
                    {"what": "close", "value": 131_500 * scale, "unit": "won"},
                    {"what": "mean(close, 20)", "value": 126_040.5 * scale, "unit": "won"},
                    {"what": "mean(value, 20)", "value": 812_345_678_901 * scale, "unit": "won"},
                    {"what": "volume_ratio(20)", "value": 1.8312, "unit": "ratio"},
                    {"what": "volume", "value": 9_876_543, "unit": "shares"},
                    {"what": 'index("KOSPI").close', "value": 2_650.12 * scale, "unit": "index points"},
                ],
            }
        ],
        "limits": {
            "max_positions": 20,
            "max_position_weight": 0.1,
            "max_order_won": 10**15,
            "min_order_won": 100_000 * scale,
            "max_day_loss": None,
            "allow_managed": False,
        },
        "cut": {"risks": 1_234},
    }


def take_every_signal_by_weight(request: ModelRequest) -> str:
    """A masked model that buys the whole of each signal."""
    actions = [
        {
            "type": "buy",
            "ticker": signal["ticker"],
            "weight": signal["weight"],
            "target_ratio": None,
            "reason": f"{signal['ticker']}에 신호가 있다",
            "rule_ids": signal["rule_ids"],
        }
        for signal in shown(request)["signals"]
        if signal["weight"]
    ]
    texts = dict.fromkeys(("justification", "risk_assessment", "expected_outcome"), "이유")
    return json.dumps({"actions": actions, **texts}, ensure_ascii=False)
