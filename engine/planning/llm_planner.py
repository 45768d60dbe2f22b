"""Node 3 by a model: one question, at most one repair, and a plan only if the answer passes whole.

A model that refuses, is cut short, answers wrongly twice, comes too late or is too dear has no plan: nothing new is
bought, the exits of the rules stay as they are, and the cycle is recorded with the reason and what it cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.model.asking import Asks
from engine.model.config import ModelConfig
from engine.model.failure import (
    BudgetExhausted,
    ModelFailure,
    ModelRefusedRequest,
    ModelUnavailable,
    ReplayMiss,
    UnknownPrice,
)
from engine.model.reply import ModelReply
from engine.model.request import Message, ModelRequest, Stage
from engine.operating.desk import NoPlan, StopsTheRun
from engine.operating.state import ModelTrace, Plan, Situation
from engine.planning.answer import Reader
from engine.planning.context import offered
from engine.planning.prompt import PlannerPrompt, Question
from engine.planning.schema import SCHEMA_NAME
from engine.reports.language import Lang, Text

PURPOSE = "plan"
NOTHING_TO_DECIDE = Text(
    "신호도 보유 종목도 없어 모델에 묻지 않았다", "no signal and no holding: the model was not asked"
)
REFUSED = Text("모델이 답하기를 거부했다: {words}", "the model refused to answer: {words}")
CUT_SHORT = Text(
    "답이 {tokens:,}토큰에서 잘렸다. max_output_tokens를 늘린다",
    "the answer was cut short at {tokens:,} tokens. Allow more with max_output_tokens",
)
INVALID = Text("모델의 답을 쓸 수 없다: {errors}", "the model's answer cannot be used: {errors}")
STOPPED = Text("모델이 답을 마치지 않았다({why})", "the model did not finish its answer ({why})")
# Words of providers for an answer that ended by itself; tool calls are none of ours.
FINISHED = frozenset({"stop", "end_turn", "completed", ""})
CUT = frozenset({"length", "max_tokens", "max_output_tokens"})
FILTERED = frozenset({"content_filter", "safety", "refusal"})
MOST_ERRORS = 20

# Code of a cycle without a plan -> why the model gave no answer.
CODES: tuple[tuple[type[ModelFailure], str], ...] = (
    (BudgetExhausted, "budget"),
    (UnknownPrice, "unknown_price"),
    (ModelUnavailable, "unavailable"),
    (ModelRefusedRequest, "request_refused"),
    (ReplayMiss, "replay_miss"),
)


class LLMPlanner:
    """Plans by asking a model.

    Args:
        asks: the way to the model; it stores every answer before it hands it over.
        config: which model, and how it is asked.
        prompt: builds the questions; its view hides the market if it is a mask.
        lang: of texts in the record.
        misses_stop: a question that a cassette has no answer to ends the run; otherwise it costs its cycle only.
    """

    def __init__(
        self,
        asks: Asks,
        config: ModelConfig,
        prompt: PlannerPrompt,
        lang: Lang = "ko",
        *,
        misses_stop: bool = True,
    ) -> None:
        self.name = config.model
        self._asks, self._config, self._prompt, self._lang = asks, config, prompt, lang
        self._misses_stop = misses_stop
        self._reader = Reader(planner=self.name, view=prompt.view, rule_ids=prompt.rule_ids, lang=lang)

    def plan(self, situation: Situation) -> Plan:
        """Ask for the plan of one decision.

        Raises:
            NoPlan: there is none; nothing new is bought.
            StopsTheRun: the cassette has no answer to this question.
        """
        if not offered(situation) and not situation.diagnosis.holdings:
            return Plan(planner=self.name, justification=NOTHING_TO_DECIDE(self._lang))
        question = self.question(situation)
        talk = _Talk(ModelTrace(model=self.name, cut=question.cut))
        reply = self._ask(self.request(question.messages), situation, talk)
        found = self._reader.read(reply.text, question, situation)
        if isinstance(found, list):
            found = self._mend(found, reply, question, situation, talk)
        return replace(found, trace=talk.trace)

    def question(self, situation: Situation) -> Question:
        """The question about a situation."""
        return self._prompt.question(situation)

    def first_request(self, situation: Situation) -> ModelRequest | None:
        """What would be asked first about a situation; None where nobody would be asked."""
        if not offered(situation) and not situation.diagnosis.holdings:
            return None
        return self.request(self.question(situation).messages)

    def request(self, messages: tuple[Message, ...], stage: Stage = "first") -> ModelRequest:
        """The request of a question, as it is asked and as its key is computed."""
        return self._config.request(
            messages, schema_name=SCHEMA_NAME, schema=self._prompt.schema, purpose=PURPOSE, stage=stage
        )

    def _mend(
        self, errors: list[str], reply: ModelReply, question: Question, situation: Situation, talk: _Talk
    ) -> Plan:
        """One round of repair."""
        errors = errors[:MOST_ERRORS]
        talk.trace = replace(talk.trace, errors=tuple(errors))
        messages = self._prompt.repair(question, reply.text, errors)
        second = self._ask(self.request(messages, "repair"), situation, talk)
        found = self._reader.read(second.text, question, situation)
        if isinstance(found, list):
            text = INVALID(self._lang).format(errors="; ".join(found[:MOST_ERRORS]))
            raise NoPlan(text, "invalid", talk.trace)
        return found

    def _ask(self, request: ModelRequest, situation: Situation, talk: _Talk) -> ModelReply:
        """One answer that is whole; what is wrong inside it is another question."""
        try:
            reply = self._asks.ask(request, decision_id=situation.decision_id)
        except ModelFailure as failure:
            if isinstance(failure, ReplayMiss) and self._misses_stop:
                raise StopsTheRun(f"{situation.decision_id}: {failure}") from failure
            code = next((code for kind, code in CODES if isinstance(failure, kind)), "unavailable")
            raise NoPlan(str(failure), code, talk.trace) from failure
        talk.add(reply, reply.key or request.key)
        if reply.refusal or reply.finish_reason in FILTERED:
            words = reply.refusal or reply.finish_reason
            raise NoPlan(REFUSED(self._lang).format(words=words), "refused", talk.trace)
        if reply.finish_reason in CUT:
            tokens = reply.usage.output_tokens or request.max_output_tokens
            raise NoPlan(CUT_SHORT(self._lang).format(tokens=tokens), "truncated", talk.trace)
        if reply.finish_reason not in FINISHED:
            raise NoPlan(STOPPED(self._lang).format(why=reply.finish_reason), "unfinished", talk.trace)
        return reply


@dataclass
class _Talk:
    """The calls made for one plan."""

    trace: ModelTrace

    def add(self, reply: ModelReply, key: str) -> None:
        """Book one answer."""
        trace, usage = self.trace, reply.usage
        self.trace = replace(
            trace,
            model=reply.model or trace.model,
            keys=(*trace.keys, key),
            request_ids=(*trace.request_ids, reply.request_id) if reply.request_id else trace.request_ids,
            cost_won=trace.cost_won + reply.cost_won,
            input_tokens=trace.input_tokens + usage.input_tokens,
            cached_tokens=trace.cached_tokens + usage.cached_tokens,
            output_tokens=trace.output_tokens + usage.output_tokens,
            latency_ms=trace.latency_ms + reply.latency_ms,
            replayed=reply.replayed and (trace.replayed or not trace.keys),
        )
