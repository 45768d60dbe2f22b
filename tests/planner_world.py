"""A model for tests of the planner: it answers from functions and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from engine.broker import Quote
from engine.clock import KST
from engine.config import RiskLimits
from engine.model.config import ModelConfig
from engine.model.reply import ModelReply, Usage
from engine.model.request import ModelRequest
from engine.operating.state import (
    Action,
    Analysis,
    Diagnosis,
    Holding,
    HoldingView,
    MarketView,
    Mover,
    Sentiment,
    Situation,
)
from engine.order import Side
from engine.planning.llm_planner import LLMPlanner
from engine.planning.prompt import PlannerPrompt, read_texts
from engine.planning.view import PLAIN, ContextView
from engine.rules.tree import RuleSet

NOON = datetime(2024, 3, 5, 15, 30, tzinfo=KST)
SAMSUNG, HYNIX, NAVER = "005930", "000660", "035420"
Says = Callable[[ModelRequest], "str | ModelReply | Exception"]


def config(**values: Any) -> ModelConfig:
    """A local model that costs nothing."""
    given = {"provider": "local", "model": "small-1", "base_url": "http://127.0.0.1:1/v1", "price": "free"}
    return ModelConfig.model_validate(given | values)


def reply(text: str = "", **more: Any) -> ModelReply:
    """An answer with plain figures of use."""
    usage = Usage(input_tokens=900, cached_tokens=300, output_tokens=60)
    return ModelReply(**({"text": text, "asked_at": NOON, "usage": usage, "cost_won": 7, "latency_ms": 40} | more))


@dataclass
class Model:
    """Answers by a function; exceptions are raised.

    Args:
        says: gives the answer to a request.
    """

    says: Says
    asked: list[ModelRequest] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)

    def ask(self, request: ModelRequest, *, decision_id: str = "") -> ModelReply:
        """The function's answer."""
        self.asked.append(request)
        self.decisions.append(decision_id)
        said = self.says(request)
        if isinstance(said, Exception):
            raise said
        return reply(said) if isinstance(said, str) else said


def saying(*answers: str | ModelReply | Exception) -> Model:
    """One answer after the other."""
    left = list(answers)
    return Model(lambda request: left.pop(0))


def shown(request: ModelRequest) -> dict[str, Any]:
    """The data of a first question."""
    found: dict[str, Any] = json.loads(request.messages[1].content)
    return found


def plan_text(*actions: dict[str, Any], **more: Any) -> str:
    """An answer that fits the plain schema."""
    texts = {"justification": "이유", "risk_assessment": "위험", "expected_outcome": "기대"}
    return json.dumps({"actions": list(actions), **texts, **more}, ensure_ascii=False)


def asks_for(type_: str = "buy", ticker: str = SAMSUNG, **changes: Any) -> dict[str, Any]:
    """One action of an answer."""
    action = {
        "type": type_,
        "ticker": ticker,
        "weight": None,
        "quantity": 10,
        "target_price": None,
        "reason": "신호가 있다",
        "rule_ids": ["rise"],
    }
    return action | changes


def take_every_signal(request: ModelRequest) -> str:
    """Buys the whole of each signal."""
    signals = shown(request)["signals"]
    return plan_text(
        *(
            asks_for(ticker=signal["ticker"], quantity=signal["quantity"], rule_ids=signal["rule_ids"])
            for signal in signals
        )
    )


def planner(
    model: Model, rules: RuleSet, view: ContextView = PLAIN, *, most_bytes: int = 64_000, **options: Any
) -> LLMPlanner:
    """A planner with the prompts of the project."""
    prompt = PlannerPrompt(rules, "원금 보존이 먼저다.", read_texts("ko"), view, most_bytes)
    return LLMPlanner(model, config(), prompt, **options)


def situation(
    *signals: Action, holdings: Sequence[Holding] = (), movers: int = 0, total: int = 100_000_000, **changes: Any
) -> Situation:
    """An account of a hundred million won on a quiet day; every quote stands 1 % above the previous close."""
    cash = total - sum(int(held.value or 0) for held in holdings)
    prices = {held.ticker: held.price or 0 for held in holdings}
    prices |= {signal.ticker: changes.pop(f"price_{signal.ticker}", 70_700) for signal in signals}
    quotes = {ticker: quote(ticker, price) for ticker, price in prices.items()}
    rising = tuple(
        Mover(rank=n + 1, ticker=f"{n:06d}", name=f"종목 {n}", price=1_000 + n, change_rate=0.1, volume=9_000,
              volume_growth=2.5, reason="거래량이 늘었다")
        for n in range(movers)
    )  # fmt: skip
    given = Situation(
        decision_id="2024-03-05T15:30",
        time=NOON,
        diagnosis=Diagnosis(
            time=NOON,
            cash=cash,
            orderable=cash,
            holdings_value=total - cash,
            total=total,
            holdings=tuple(holdings),
        ),
        analysis=Analysis(
            time=NOON,
            holdings=tuple(_view(held) for held in holdings),
            opportunities=rising,
            risks=rising,
            market=MarketView(index="KOSPI", level=2650.124, change_rate=0.01, mean_20=2600.0, volatility_20=0.12,
                              advancers=500, decliners=300, unchanged=100, advancer_share=500 / 900),
            sentiment=Sentiment.NEUTRAL,
            formulas={},
        ),
        signals=signals,
        quotes=quotes,
        limits=RiskLimits(),
        grid=lambda ticker, price: (price // 100 * 100, -(-price // 100) * 100),
    )  # fmt: skip
    return replace(given, **changes)


def signal(ticker: str = SAMSUNG, quantity: int = 141, rule_ids: tuple[str, ...] = ("rise",), **more: Any) -> Action:
    """A purchase that a rule asks for: 141 shares at 70,700 are 9.97 % of the account."""
    values = {"name": f"이름 {ticker}", "side": Side.BUY, "justification": "규칙의 문장"} | more
    return Action(ticker=ticker, quantity=quantity, rule_ids=rule_ids, **values)


def holding(ticker: str = HYNIX, quantity: int = 100, price: int = 150_000) -> Holding:
    """Shares bought a tenth cheaper."""
    cost = quantity * price * 0.9
    return Holding(ticker=ticker, name=f"이름 {ticker}", quantity=quantity, average_price=price * 0.9, price=price,
                   value=quantity * price, profit=quantity * price - cost, profit_ratio=1 / 9)  # fmt: skip


def quote(ticker: str, price: float) -> Quote:
    """A name 1 % above its previous close."""
    return Quote(ticker=ticker, time=NOON, price=price, previous_close=price / 1.01, volume=1_234_567,
                 previous_volume=1_000_000, market_cap=10**13)  # fmt: skip


def _view(held: Holding) -> HoldingView:
    return HoldingView(ticker=held.ticker, name=held.name, price=held.price, change_rate=0.01, volume=1_000,
                       market_cap=10**12, trading_strength=None)  # fmt: skip
