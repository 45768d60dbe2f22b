"""`geoul traded`: a trade that a person made by hand with shares of the account, into its ledger."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from engine.cli.options import AccountFolderArgument, Lang, LangOption
from engine.cli.supervise import ReasonOption, ask, require_account
from engine.errors import BadInput


class Trade(StrEnum):
    """What the person did."""

    sold = "sold"
    bought = "bought"


def traded_command(
    folder: AccountFolderArgument,
    trade: Annotated[Trade, typer.Argument(help="sold 매도, bought 매수 · what was done by hand")],
    ticker: Annotated[str, typer.Argument(help="장부에 있는 종목 · a name that the ledger holds")],
    quantity: Annotated[int, typer.Argument(min=1, help="주식 수 · shares")],
    price: Annotated[int, typer.Argument(min=1, help="체결 평균가(원) · won per share")],
    reason: ReasonOption = "",
    lang: LangOption = Lang.ko,
) -> None:
    """앱에서 직접 사고판 것을 장부에 적습니다 · book what you traded by hand, so that the name is traded again."""
    require_account(folder)
    if not (folder / "ledger.db").is_file():
        raise BadInput(f"{folder} has no ledger yet: the account begins with what it has at the first start.")
    side = "sell" if trade is Trade.sold else "buy"
    values = {"side": side, "ticker": ticker, "quantity": quantity, "price": price, "reason": reason}
    ask(folder, "trade", values, lang)
