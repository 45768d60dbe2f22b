"""`geoul plans`, `geoul approve`, `geoul reject`: what waits for a person's word."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from engine.cli.options import AccountFolderArgument, Lang, LangOption
from engine.cli.supervise import ReasonOption, ask, read_standing, require_account, time_in
from engine.errors import BadInput
from engine.reports.language import Text

PlanArgument = Annotated[str, typer.Argument(help="계획 번호(geoul plans) · the plan's id")]
_MOST = 10  # plans that are shown
_NONE = Text("계획이 없습니다.", "There are no plans.")
_STATES = {
    "open": Text("{time:%m-%d %H:%M}까지 승인 대기", "waits until {time:%m-%d %H:%M}"),
    "expired": Text("기한 지남", "expired"),
    "approved": Text("{who} 승인", "approved by {who}"),
    "rejected": Text("{who} 거절", "rejected by {who}"),
    "shown": Text("제안만 (LV{level})", "a proposal only (LV{level})"),
}


def plans_command(folder: AccountFolderArgument, lang: LangOption = Lang.ko) -> None:
    """승인을 기다리는 계획과 최근 계획을 보입니다 · plans that wait for approval, and the latest ones."""
    from engine.trading.autonomy import Level  # noqa: PLC0415  (keeps --help fast)
    from engine.trading.supervisor_texts import plan_text  # noqa: PLC0415

    standing, now = read_standing(folder, require_account(folder)), time_in(folder)
    console = Console(highlight=False)
    level = standing.grant.level_at(now)
    plans = list(standing.plans.values())[-_MOST:]
    if not plans:
        console.print(_NONE(lang.language))
    for plan in plans:
        state = plan.answer or ("shown" if level is not Level.APPROVAL else "open" if plan.is_open(now) else "expired")
        told = _STATES[state](lang.language).format(time=plan.expires, who=plan.who, level=level.value)
        console.print(f"{plan.decision_id}  {told}", markup=False)
        console.print(plan_text(plan.actions, lang.language), markup=False, soft_wrap=True)


def approve_command(
    folder: AccountFolderArgument, plan: PlanArgument, reason: ReasonOption = "", lang: LangOption = Lang.ko
) -> None:
    """계획 하나를 승인합니다 · approve a plan: its purchases are sent while they are in time."""
    _answer(folder, plan, "approve", reason, lang)


def reject_command(
    folder: AccountFolderArgument, plan: PlanArgument, reason: ReasonOption = "", lang: LangOption = Lang.ko
) -> None:
    """계획 하나를 거절합니다 · reject a plan: its purchases are never sent."""
    _answer(folder, plan, "reject", reason, lang)


def _answer(folder: AccountFolderArgument, plan: str, command: str, reason: str, lang: Lang) -> None:
    known = read_standing(folder, require_account(folder)).plans
    if plan not in known:
        last = ", ".join(list(known)[-3:]) or "–"
        raise BadInput(f"There is no plan {plan} in {folder}. The latest: {last}.")
    ask(folder, command, {"decision_id": plan, "reason": reason}, lang)
