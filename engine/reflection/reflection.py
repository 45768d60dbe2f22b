"""The reflection graph: M1 → M2 → M3 → gate → M4, in that order, with one record in the ledger.

Whatever fails, the prompt in force stays in force, and the failure is a record and an alert, not a lost week.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from filelock import FileLock, Timeout

from engine.clock import Clock, session_of
from engine.errors import BadInput, GeoulError
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.canonical import plain
from engine.ledger.ledger import Ledger
from engine.ledger.reflections import ReflectionRecord, RuleProposal, record_reflection, reflections
from engine.ledger.rows import ACCOUNT
from engine.model.asking import Asks
from engine.model.failure import ModelFailure, ReplayMiss
from engine.reflection.answers import ModelSettings
from engine.reflection.gating import Gated, Judge, gate_all, not_promoted
from engine.reflection.m1_aggregate import PerformanceReport
from engine.reflection.m2_analyse import Analysis, analyse
from engine.reflection.m3_rules import Proposals, RefuseText, write_rules
from engine.reflection.m4_prompt import PromptUpdate, Repair, UpdatedPrompt, prompt_lock, repair_prompt, update_prompt
from engine.reflection.prompt_history import PromptFiles, prompt_hash
from engine.reflection.shown import Mask, Plain
from engine.rules.prompt import load_rules_text

# A condition that the gate has turned down may be proposed again after so long: there are new data then.
COOL_OFF_DAYS = 90
Notice = Callable[["Reflection", str, str], str]
"""(reflection, version, backup file) -> the message to people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """Who thinks, and under which rules.

    Args:
        asks, settings: the model and how it is asked.
        judge: the gate.
        mask: how names and money are shown to the model.
        refuse_text: raises `BadInput` for a text that must not leave a masked run.
    """

    asks: Asks
    settings: ModelSettings
    judge: Judge
    mask: Mask = field(default_factory=Plain)
    refuse_text: RefuseText | None = None

    @property
    def writer(self) -> str:
        """Who wrote the rules."""
        return self.settings.model


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """M2, M3 and the gate: a pure function of what was read, given the answers of the model.

    Args:
        report: of M1.
        analysis: of M2.
        gated: every proposal with its verdict, and the prompt that would follow.
        failure: why there is no more, "" otherwise.
    """

    report: PerformanceReport
    analysis: Analysis
    gated: Gated
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflection:
    """One run of the graph.

    Args:
        thought: M1 to the gate.
        writer: who wrote the rules.
        status: "updated", "unchanged", "dry run" or "failed".
        failure: why it failed, "" otherwise.
        updated: what M4 did, None if nothing.
        repaired: what was left of an earlier run and mended first.
        reflection_id: number in the ledger, 0 for a dry run.
    """

    thought: Thought
    writer: str
    status: str
    failure: str = ""
    updated: UpdatedPrompt | None = None
    repaired: Repair | None = None
    reflection_id: int = 0

    @property
    def report(self) -> PerformanceReport:
        """Of M1."""
        return self.thought.report

    @property
    def proposals(self) -> tuple[RuleProposal, ...]:
        """Every rule with its verdict."""
        return self.thought.gated.proposals


def think(
    report: PerformanceReport,
    prompt_text: str,
    thinking: Thinking,
    *,
    turned_down: tuple[str, ...],
    decision_id: str,
) -> Thought:
    """M2, M3 and the gate; a model that gives no answer leaves everything as it is.

    Raises:
        ReplayMiss: the answers are replayed, and one is missing.
    """
    unchanged = Gated((), prompt_text)
    try:
        rules = load_rules_text(prompt_text)
        analysis = analyse(
            report,
            rules,
            thinking.asks,
            thinking.settings,
            thinking.mask,
            not_promoted=turned_down,
            decision_id=decision_id,
        )
    except ReplayMiss:
        raise  # a run that is to be replayed must not go on without its answers
    except ModelFailure as error:
        return Thought(report=report, analysis=Analysis(), gated=unchanged, failure=f"M2: {error}")
    try:
        proposals: Proposals = write_rules(
            analysis,
            report,
            prompt_text,
            thinking.asks,
            thinking.settings,
            thinking.mask,
            today=session_of(report.known_at),
            not_promoted=turned_down,
            refuse_text=thinking.refuse_text,
            decision_id=decision_id,
        )
    except ReplayMiss:
        raise
    except ModelFailure as error:
        return Thought(report=report, analysis=analysis, gated=unchanged, failure=f"M3: {error}")
    return Thought(report=report, analysis=analysis, gated=gate_all(prompt_text, proposals, thinking.judge))


def reflect(
    aggregate: Callable[[datetime], PerformanceReport],
    files: PromptFiles,
    thinking: Thinking,
    ledger: Ledger,
    clock: Clock,
    *,
    run_id: int = ACCOUNT,
    dry_run: bool = False,
    git: bool = False,
    notice: Notice | None = None,
) -> Reflection:
    """Run the whole graph once.

    Args:
        aggregate: M1: (moment) -> report, see `engine.reflection.m1_aggregate.aggregate_ledger`.
        files: of the prompt in force.
        thinking: the model and the gate.
        ledger: gets the reflection, its proposals and the alerts; nothing of a dry run.
        clock: the moment of the reflection.
        run_id: whose trades are studied.
        dry_run: everything but M4 and the records.
        git: commit the new version.
        notice: makes the message to people; None takes the reason of the version alone.

    Raises:
        BadInput: another reflection on the same prompt is running.
        RuleProblem: the prompt in force does not compile.
        PromptConflict: the prompt was edited meanwhile; the reflection is in the ledger, its text in `backups/`.
        OSError: M4 could not write; the prompt is the old one.
    """
    lock = FileLock(files.folder / f".{files.prompt.name}.reflection.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BadInput(
            f"Another reflection on {files.prompt} is running. Wait for its end; two would judge the same week twice."
        ) from None
    try:
        return _reflect(aggregate, files, thinking, ledger, clock, run_id, dry_run, git, notice)
    finally:
        lock.release()


def _reflect(
    aggregate: Callable[[datetime], PerformanceReport],
    files: PromptFiles,
    thinking: Thinking,
    ledger: Ledger,
    clock: Clock,
    run_id: int,
    dry_run: bool,
    git: bool,
    notice: Notice | None,
) -> Reflection:
    repaired = None
    if not dry_run:
        with prompt_lock(files):
            repaired = repair_prompt(files, ledger, clock, git=git)
    now = clock.now()
    text = files.text()
    since = now - timedelta(days=COOL_OFF_DAYS)
    earlier = [old for old in reflections(ledger, run_id=run_id, as_of=now) if old.time >= since]
    turned_down = not_promoted([proposal for old in earlier for proposal in old.proposals])
    decision_id = f"reflection {now:%Y-%m-%d %H:%M}"
    thought = think(aggregate(now), text, thinking, turned_down=turned_down, decision_id=decision_id)
    done = Reflection(
        thought=thought,
        writer=thinking.writer,
        status="dry run" if dry_run else "failed" if thought.failure else "unchanged",
        failure=thought.failure,
        repaired=repaired,
    )
    if dry_run:
        return done
    if thought.failure:
        record_alert(ledger, Urgency.WARNING, "reflection_failed", thought.failure)
    if thought.gated.text == text:
        return _recorded(done, ledger, run_id, text)
    update = PromptUpdate(
        files=files,
        base=text,
        text=thought.gated.text,
        reason=_reason(thought.gated),
        notice=None if notice is None else lambda version, backup: notice(done, version, backup),
    )
    try:
        updated = update_prompt(update, ledger, clock, git=git)
    except (GeoulError, OSError) as error:
        failed = replace(done, status="failed", failure=f"M4: {str(error).splitlines()[0]}")
        _recorded(failed, ledger, run_id, text)
        record_alert(ledger, Urgency.WARNING, "prompt_not_written", failed.failure)
        raise
    return _recorded(replace(done, status="updated", updated=updated), ledger, run_id, text)


def _reason(gated: Gated) -> str:
    """One line for the history."""
    added = [found.rule_id for found in gated.promoted if found.kind == "add"]
    removed = [found.rule_id for found in gated.promoted if found.kind == "remove"]
    parts = [f"성찰: 추가 {', '.join(added)}"] if added else ["성찰:"]
    return " ".join([*parts, *([f"제거 {', '.join(removed)}"] if removed else [])])


def _recorded(reflection: Reflection, ledger: Ledger, run_id: int, text: str) -> Reflection:
    report = reflection.report
    number = record_reflection(
        ledger,
        ReflectionRecord(
            run_id=run_id,
            time=report.known_at,
            first=report.window.first,
            last=report.window.last,
            writer=reflection.writer,
            status=reflection.status,
            failure=reflection.failure,
            prompt_hash=prompt_hash(text),
            new_prompt_hash=reflection.updated.version.prompt_hash if reflection.updated else None,
            figures=plain(report),
            analysis=reflection.thought.analysis.as_plain(),
            proposals=reflection.proposals,
        ),
    )
    return replace(reflection, reflection_id=number)
