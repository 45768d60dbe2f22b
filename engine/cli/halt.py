"""`geoul halt` and `geoul resume`: the kill switch, for a trader that runs and for one that does not."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.options import AccountFolderArgument, Lang, LangOption
from engine.cli.supervise import ReasonOption, ask, require_account
from engine.errors import BadInput, DataError
from engine.reports.language import Text

_NO_ACCOUNT = Text(
    "{folder}에는 아직 계좌가 없습니다. 폴더가 맞는지 확인하십시오: 다른 폴더의 거래는 멈추지 않습니다.",
    "{folder} holds no account yet. Is it the right folder? What trades in another one goes on.",
)


def halt_command(
    folder: AccountFolderArgument,
    cancel: Annotated[bool, typer.Option("--cancel", help="미체결 매수도 취소 · withdraw open purchases too")] = False,
    sell: Annotated[
        bool, typer.Option("--sell", help="미체결을 모두 취소하고 보유 종목을 시장가로 매도 · sell all holdings")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--everything", help="손절·청산 주문까지 멈춤 · stop exits and guarded levels too")
    ] = False,
    reason: ReasonOption = "",
    lang: LangOption = Lang.ko,
) -> None:
    """매수를 곧바로 멈춥니다(손절과 감시는 계속) · stop buying at once; holdings stay guarded."""
    from engine.trading.kill_switch import HaltFile  # noqa: PLC0415  (keeps --help fast)

    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}.")
    if not (folder / "account.json").is_file() and not (folder / "ledger.db").is_file():
        typer.echo(_NO_ACCOUNT(lang.language).format(folder=folder), err=True)
    words = {"cancel": cancel, "sell": sell, "everything": everything}
    try:
        ask(folder, "halt", {"reason": reason, **words}, lang)
    except DataError:
        # The way that needs nothing but a folder; whoever reads the message knows that the other one is broken.
        chosen = " ".join(name for name, is_chosen in words.items() if is_chosen)
        HaltFile(folder).path.write_text(f"{chosen} {reason}".strip() + "\n", encoding="utf-8")
        raise


def resume_command(folder: AccountFolderArgument, reason: ReasonOption = "", lang: LangOption = Lang.ko) -> None:
    """정지를 풉니다. 이유를 적어야 합니다 · go on after a halt; the reason is asked for and kept."""
    from engine.trading.kill_switch import HaltFile  # noqa: PLC0415  (keeps --help fast)

    require_account(folder)
    reason = reason.strip() or typer.prompt("이유 · reason").strip()
    if not reason:
        raise BadInput("이유를 적으세요 · say why: --reason")
    HaltFile(folder).remove()
    ask(folder, "resume", {"reason": reason}, lang)
