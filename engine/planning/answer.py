"""What an answer must be before it is a plan: one JSON document, in its form, about names, shares and rules that exist.

Only a document that passes whole becomes a plan; nothing is guessed, and prose is never parsed. What is wrong is told
in words and in the names that the model was shown, so that it can mend its answer without seeing behind a mask.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import BadInput
from engine.operating.state import Action, Plan, Situation, label, whole
from engine.order import OrderKind, Side
from engine.planning.context import Context, offered
from engine.planning.prompt import Question
from engine.planning.schema import MaskedAction, MaskedAnswer, PlainAction, PlainAnswer, fit
from engine.planning.view import ContextView
from engine.reports.language import Lang, Text

LONGEST_ANSWER = 200_000  # letters
_MOST_LISTED = 30  # names in a message
# A weight that is a little above what is offered is a rounded one: 0.1 for 0.0998.
ROUNDING = 1.05
# The widest price limit of the exchange is 60 % (leveraged funds).
FARTHEST = 0.6

NOT_JSON = Text("답이 JSON 문서 하나가 아니다: {why}", "the answer is not one JSON document: {why}")
TOO_LONG = Text("답이 {count:,}자로 너무 길다(최대 {most:,}자)", "the answer has {count:,} letters, more than {most:,}")
TWICE = Text("{place}.ticker: {ticker}의 행동이 앞에 또 있다", "{place}.ticker: {ticker} has an action before")
NO_SIGNAL = Text(
    "{place}.ticker: {ticker}은(는) 매수 신호가 없다. 매수할 수 있는 종목: {known}",
    "{place}.ticker: {ticker} has no signal to buy. What can be bought: {known}",
)
NOT_HELD = Text(
    "{place}.ticker: {ticker}은(는) 보유하지 않아 팔 수 없다. 보유 종목: {known}",
    "{place}.ticker: {ticker} is not held and cannot be sold. Held: {known}",
)
NO_RULE = Text(
    "{place}.rule_ids: {rule}라는 규칙은 없다. 규칙: {known}",
    "{place}.rule_ids: there is no rule {rule}. Rules: {known}",
)
NOT_ITS_RULE = Text(
    "{place}.rule_ids: {ticker}의 신호를 낸 규칙({known}) 가운데 하나 이상을 적어야 한다",
    "{place}.rule_ids: name at least one of the rules that signal {ticker}: {known}",
)
ONE_SIZE = Text(
    "{place}: quantity와 weight 가운데 하나만 쓰고 다른 하나는 null로 둔다",
    "{place}: give either quantity or weight, and null for the other",
)
TOO_MANY = Text(
    "{place}.quantity: {asked:,}주는 최대 {most:,}주를 넘는다",
    "{place}.quantity: {asked:,} is more than {most:,} shares",
)
TOO_HEAVY = Text("{place}.weight: {asked}은(는) 최대 {most}를 넘는다", "{place}.weight: {asked} is more than {most}")
NOT_A_SHARE = Text("{place}.weight: {asked}로는 한 주도 되지 않는다", "{place}.weight: {asked} is less than one share")
NO_PRICE = Text("{place}.ticker: {ticker}은(는) 가격을 알 수 없다", "{place}.ticker: {ticker} has no known price")
OFF_TICK = Text(
    "{place}.target_price: {asked}원은 호가 단위에 맞지 않는다. {below} 또는 {above}",
    "{place}.target_price: {asked} is off the tick. Use {below} or {above}",
)
FAR_AWAY = Text(
    "{place}: 지정가가 현재가에서 {most:.0%} 넘게 떨어져 있다", "{place}: the limit price is more than {most:.0%} away"
)
RULE_PRICE = Text(
    "{place}: {ticker}은(는) 규칙이 정한 가격으로만 주문한다. 지정가를 null로 둔다",
    "{place}: the rule sets the price of {ticker}. Give null for the limit price",
)
UNREADABLE = Text("답을 되돌려 읽을 수 없다: {why}", "the answer cannot be read back: {why}")

AnyAction = PlainAction | MaskedAction


class _Wrong(Exception):
    """One thing that is wrong with an answer, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads the answers to the questions of one planner.

    Args:
        planner: its name, for the plan.
        view: how the model saw the market.
        rule_ids: that may be cited, as they were shown.
        lang: of what is wrong.
    """

    planner: str
    view: ContextView
    rule_ids: frozenset[str]
    lang: Lang

    def read(self, text: str, question: Question, situation: Situation) -> Plan | list[str]:
        """The plan of an answer, or everything that is wrong with it."""
        try:
            document = parse(text, self.lang)
        except _Wrong as wrong:
            return [str(wrong)]
        answer = fit(document, plain=self.view.plain)
        if isinstance(answer, list):
            return answer
        errors = self._wrong_references(answer, question.context)
        if errors:
            return errors
        try:
            real = self.view.read(answer.model_dump())
        except BadInput as error:
            return [UNREADABLE(self.lang).format(why=error)]
        return self._plan(answer, real, situation)

    def _wrong_references(self, answer: PlainAnswer | MaskedAnswer, shown: Context) -> list[str]:
        """Tickers and rules that were not shown, in the names that were shown."""
        signals = {signal["ticker"]: signal for signal in shown["signals"]}
        held = {holding["ticker"]: holding for holding in shown["portfolio"]["holdings"]}
        errors: list[str] = []
        seen: set[str] = set()

        def add(text: Text, **values: Any) -> None:
            errors.append(text(self.lang).format(place=place, ticker=action.ticker, **values))

        for number, action in enumerate(answer.actions):
            place = f"actions[{number}]"
            if action.ticker in seen:
                add(TWICE)
            seen.add(action.ticker)
            unknown = [rule for rule in action.rule_ids if rule not in self.rule_ids]
            for rule in unknown:
                add(NO_RULE, rule=rule, known=_listed(self.rule_ids))
            if action.type == "buy":
                if action.ticker not in signals:
                    add(NO_SIGNAL, known=_listed(signals))
                elif not unknown and not set(action.rule_ids) & set(signals[action.ticker]["rule_ids"]):
                    add(NOT_ITS_RULE, known=_listed(signals[action.ticker]["rule_ids"]))
            elif action.ticker not in held:
                add(NOT_HELD, known=_listed(held))
        return errors

    def _plan(
        self, answer: PlainAnswer | MaskedAnswer, real: Mapping[str, Any], situation: Situation
    ) -> Plan | list[str]:
        maker = _ActionMaker(situation, self.lang)
        actions: list[Action] = []
        errors: list[str] = []
        shown: Sequence[AnyAction] = answer.actions
        for number, (asked, told) in enumerate(zip(shown, real["actions"], strict=True)):
            try:
                actions.append(maker.make(asked, told, f"actions[{number}]"))
            except _Wrong as wrong:
                errors.append(str(wrong))
        if errors:
            return errors
        lines = [_line(real["justification"])]
        lines += [f"- {label(action.name, action.ticker)}: {action.justification}" for action in actions]
        return Plan(
            planner=self.planner,
            actions=tuple(actions),
            justification="\n".join(line for line in lines if line),
            risk_assessment=_line(real["risk_assessment"]),
            expected_outcome=_line(real["expected_outcome"]),
        )


def parse(text: str, lang: Lang) -> object:
    """The JSON document of an answer; anything around it, a key given twice or a number without end is an error."""
    if len(text) > LONGEST_ANSWER:
        raise _Wrong(TOO_LONG(lang).format(count=len(text), most=LONGEST_ANSWER))
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _Wrong(NOT_JSON(lang).format(why=error)) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


class _ActionMaker:
    """Turns what was asked into orders, with the account and the prices of the decision."""

    def __init__(self, situation: Situation, lang: Lang) -> None:
        self._situation, self._lang = situation, lang
        self._signals = {action.ticker: action for action in offered(situation)}
        self._held = {held.ticker: held for held in situation.diagnosis.holdings}

    def make(self, asked: AnyAction, real: Mapping[str, Any], place: str) -> Action:
        """One action.

        Args:
            asked: as the model wrote it; words about errors come from here.
            real: the same with real ticker, rule ids and reason.
            place: in the answer.
        """
        ticker, reason, rule_ids = real["ticker"], _line(real["reason"]), tuple(real["rule_ids"])

        def wrong(text: Text, **values: Any) -> _Wrong:
            return _Wrong(text(self._lang).format(place=place, ticker=asked.ticker, **values))

        limit = self._limit(asked, ticker, wrong)
        if asked.type == "sell":
            held = self._held[ticker]
            return Action(
                ticker=ticker,
                name=held.name,
                side=Side.SELL,
                quantity=self._shares(asked, ticker, held.quantity, wrong),
                kind=OrderKind.MARKET if limit is None else OrderKind.LIMIT,
                price=limit,
                justification=reason,
                rule_ids=rule_ids,
            )
        signal = self._signals[ticker]
        if limit is not None and (signal.from_open or signal.kind is OrderKind.STOP):
            raise wrong(RULE_PRICE)
        if limit is not None and signal.price is not None:
            limit = min(limit, signal.price)
        return Action(
            ticker=ticker,
            name=signal.name,
            side=Side.BUY,
            quantity=self._shares(asked, ticker, signal.quantity, wrong),
            kind=signal.kind if limit is None else OrderKind.LIMIT,
            price=signal.price if limit is None else limit,
            from_open=signal.from_open,
            justification=reason,
            rule_ids=rule_ids,
            figures=signal.figures,
        )

    def _shares(self, asked: AnyAction, ticker: str, most: int, wrong: Callable[..., _Wrong]) -> int:
        """Shares of an action, at most those of the signal or the holding."""
        quantity = asked.quantity if isinstance(asked, PlainAction) else None
        if (quantity is None) == (asked.weight is None):
            raise wrong(ONE_SIZE)
        if quantity is not None:
            if quantity > most:
                raise wrong(TOO_MANY, asked=quantity, most=most)
            return quantity
        weight, whole_weight = asked.weight or 0.0, self._weight(ticker, most)
        if whole_weight is None:
            raise wrong(NO_PRICE)
        if weight > max(whole_weight * ROUNDING, whole_weight + 1e-4):
            raise wrong(TOO_HEAVY, asked=weight, most=round(whole_weight, 4))
        # What is shown is rounded: the shown weight is the whole.
        if weight >= int(whole_weight * 10_000) / 10_000:
            return most
        shares = int(most * weight / whole_weight)
        if shares < 1:
            raise wrong(NOT_A_SHARE, asked=weight)
        return shares

    def _weight(self, ticker: str, quantity: int) -> float | None:
        quote, total = self._situation.quotes.get(ticker), self._situation.diagnosis.total
        return None if quote is None or total <= 0 else quantity * quote.price / total

    def _limit(self, asked: AnyAction, ticker: str, wrong: Callable[..., _Wrong]) -> float | None:
        """The limit price in won, None to order as the rule says or at market.

        A ratio is turned into a price on the tick that is no worse than asked: lower for a purchase, higher for a sell.
        """
        given = asked.target_price if isinstance(asked, PlainAction) else asked.target_ratio
        if given is None:
            return None
        quote, grid = self._situation.quotes.get(ticker), self._situation.grid
        if quote is None or grid is None:
            raise wrong(NO_PRICE)
        price = given if isinstance(asked, PlainAction) else given * (quote.previous_close or quote.price)
        if not quote.price * (1 - FARTHEST) <= price <= quote.price * (1 + FARTHEST):
            raise wrong(FAR_AWAY, most=FARTHEST)
        below, above = grid(ticker, price)
        if isinstance(asked, PlainAction) and below != above:
            raise wrong(OFF_TICK, asked=whole(price), below=whole(below), above=whole(above))
        return whole(below if asked.type == "buy" else above)


def _line(text: str) -> str:
    """A text of the model on one line."""
    return " ".join(str(text).split())


def _listed(names: Any) -> str:
    """Names in order; many are cut with a count."""
    ordered = sorted(names)
    more = f", … (+{len(ordered) - _MOST_LISTED})" if len(ordered) > _MOST_LISTED else ""
    return (", ".join(ordered[:_MOST_LISTED]) or "–") + more
