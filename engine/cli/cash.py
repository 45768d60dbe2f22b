"""`geoul cash`: money that came or went without a trade, into the ledger of an account."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from engine.cli.options import AccountFolderArgument, Lang, LangOption
from engine.cli.supervise import ReasonOption, ask, require_account
from engine.errors import BadInput


class Kind(StrEnum):
    """Why it moved."""

    deposit = "deposit"
    withdrawal = "withdrawal"
    income = "income"
    cost = "cost"


def cash_command(
    folder: AccountFolderArgument,
    kind: Annotated[
        Kind,
        typer.Argument(help="deposit 입금, withdrawal 출금, income 배당·이자, cost 비용 · why the cash moved"),
    ],
    won: Annotated[int, typer.Argument(min=1, help="금액(원) · won")],
    reason: ReasonOption = "",
    lang: LangOption = Lang.ko,
) -> None:
    """매매 없이 늘거나 준 현금을 장부에 적습니다 · book cash that moved without a trade: deposits, dividends, …"""
    require_account(folder)
    if not (folder / "ledger.db").is_file():
        raise BadInput(f"{folder} has no ledger yet: the account begins with what it has at the first start.")
    ask(folder, "cash", {"kind": kind.value, "amount": won, "reason": reason}, lang)
