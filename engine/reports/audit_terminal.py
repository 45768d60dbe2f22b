"""An audit in the terminal: the verdict, the checks, and for each finding the decision that moved."""

from __future__ import annotations

import datetime

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel as Frame
from rich.table import Table
from rich.text import Text as Words

from engine.reports import audit_texts as texts
from engine.reports.language import Lang
from engine.research.audit_compare import Decision, Move
from engine.research.audit_report import Audit, Check, Finding

STYLES = {"clean": "green", "found": "bold red", "warning": "dark_orange", "skipped": "dim"}


def print_audit(console: Console, audit: Audit, *, title: str, interval: str, lang: Lang = "ko") -> None:
    """Print an audit; `title` is what the user calls the strategy, `interval` that of its bars."""
    console.print(audit_view(audit, title=title, interval=interval, lang=lang))


def audit_view(audit: Audit, *, title: str, interval: str, lang: Lang = "ko") -> RenderableType:
    """The audit as something rich can print."""
    page = _Page(audit, lang, daily=interval in ("1d", "1w"))
    return Group(*page.parts(title))


class _Page:
    def __init__(self, audit: Audit, lang: Lang, *, daily: bool) -> None:
        self.audit, self.lang, self.daily = audit, lang, daily

    def parts(self, title: str) -> list[RenderableType]:
        style = "green" if self.audit.passed and self.audit.orders else "bold red"
        heading = Frame(Words(self.verdict(), style=style), title=Words(title), title_align="left", padding=(0, 1))
        parts: list[RenderableType] = [heading, Words(""), self.table()]
        for check in self.audit.checks:
            if check.finding is not None or check.lines:
                parts += [Words(""), *self.details(check)]
        notes = [texts.LIMIT(self.lang)]
        if self.audit.survivors_only:
            notes.insert(0, texts.SURVIVORS(self.lang))
        return [*parts, Words(""), *(Words(note, style="dim") for note in notes), Words(self.foot(), style="dim")]

    def verdict(self) -> str:
        audit = self.audit
        found = [check for check in audit.checks if check.status == "found"]
        if not found:
            worlds = sum(check.worlds for check in audit.checks if check.name in ("future", "history"))
            return texts.VERDICTS["clean" if audit.orders else "silent"](self.lang).format(worlds=worlds)
        if found[0].name == "repeat":
            return texts.VERDICTS["repeat"](self.lang)
        finding = found[0].finding
        time = self.time(finding.move.time) if finding else ""
        return texts.VERDICTS["found"](self.lang).format(time=time)

    def table(self) -> RenderableType:
        heads = texts.HEADS(self.lang).split("|")
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for head in heads[:-1]:
            table.add_column(head)
        table.add_column(heads[-1], justify="right")
        for check in self.audit.checks:
            told = texts.STATUSES[check.status](self.lang)
            if check.reason:
                told = f"{told}: {texts.REASONS[check.reason](self.lang)}"
            worlds = f"{check.worlds:,}" if check.worlds else ""
            table.add_row(texts.CHECKS[check.name](self.lang), Words(told, style=STYLES[check.status]), worlds)
        return table

    def details(self, check: Check) -> list[RenderableType]:
        lines: list[RenderableType] = []
        finding = check.finding
        if finding is not None:
            lead = texts.LEADS[check.name](self.lang).format(cut=self.time(finding.cut))
            lines += [Words(lead, style="bold"), *self.move(finding.move)]
            if check.name == "future":
                lines.append(_indented(f"{texts.MOVED_BY(self.lang)}: {self.blamed(finding)}", "bold"))
            if check.name in texts.WHY:
                lines.append(_indented(self.why(check.name, finding)))
        else:
            lines.append(Words(texts.CHECKS[check.name](self.lang), style="bold"))
            lines += [Words(f"  {line}: {words}") for line, words in check.lines]
            lines.append(_indented(texts.WHY[check.name](self.lang)))
        return lines

    def move(self, move: Move) -> list[RenderableType]:
        decision = move.before or move.after
        if decision is None:
            told = texts.FAILED(self.lang).format(error=move.error) if move.error else texts.ACCOUNT(self.lang)
            return [Words(f"  {self.time(move.time)}  {told}")]
        by = ", ".join(decision.rule_ids) or texts.STRATEGY(self.lang)
        return [
            Words(f"  {self.time(move.time)}  {decision.ticker}  {by}"),
            Words(f"  - {texts.BEFORE(self.lang)}: {self.decision(move.before)}", style="dark_orange"),
            Words(f"  + {texts.AFTER(self.lang)}: {self.decision(move.after)}", style="green"),
        ]

    def decision(self, decision: Decision | None) -> str:
        if decision is None:
            return texts.NONE(self.lang)
        kind = texts.KINDS[decision.kind](self.lang) if decision.kind in texts.KINDS else decision.kind
        side = texts.SIDES[decision.side](self.lang)
        told = texts.ORDER(self.lang).format(side=side, quantity=decision.quantity, kind=kind)
        return told if decision.price is None else f"{told} {decision.price:,}"

    def blamed(self, finding: Finding) -> str:
        names = ", ".join(texts.INPUTS[name](self.lang) for name in finding.inputs) or texts.TOGETHER(self.lang)
        near, far = finding.nearest_bars, finding.furthest_bars
        if near is None or far is None:
            return names
        if near == far:
            bars = f"{near:,}" if self.lang == "ko" else f"{near:,} bar{'s' if near != 1 else ''}"
            return f"{names} · {texts.NEEDS(self.lang).format(bars=bars)}"
        near, far = sorted((near, far))
        return f"{names} · {texts.NEEDS_RANGE(self.lang).format(near=f'{near:,}', far=f'{far:,}')}"

    def why(self, name: str, finding: Finding) -> str:
        bars = finding.history_bars
        enough = texts.NEVER_ENOUGH(self.lang) if bars is None else texts.ENOUGH(self.lang).format(bars=f"{bars:,}")
        return texts.WHY[name](self.lang).format(declared=f"{self.audit.lookback_bars:,}", enough=enough)

    def foot(self) -> str:
        audit = self.audit
        return texts.FOOT(self.lang).format(
            cuts=len(audit.cuts),
            seed=audit.seed,
            runs=audit.runs,
            orders=audit.orders,
            declared=audit.lookback_bars,
            hash=audit.result_hash[:12],
        )

    def time(self, moment: datetime.datetime) -> str:
        return f"{moment:%Y-%m-%d}" if self.daily else f"{moment:%Y-%m-%d %H:%M}"


def _indented(text: str, style: str = "") -> RenderableType:
    """A sentence whose further lines are indented like its first one."""
    return Padding(Words(text, style=style), (0, 0, 0, 2))
