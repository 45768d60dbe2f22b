"""`geoul kis`: is the account ready (`doctor`), what became of a lost order (`resolve`), what KIS does (`probe`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from engine.cli.kis_options import ClockOption, EnvironmentOption, KisConfigOption, clock_chooser, environment_of
from engine.cli.kis_probe import probe_command
from engine.cli.options import Lang, LangOption
from engine.clock import SystemClock
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.ledger.ledger import Ledger
    from engine.order import Order

app = typer.Typer(help="한국투자증권 Open API · Korea Investment & Securities", no_args_is_help=True)
app.command("probe")(probe_command)

_SIGNS = {"good": ("green", "✓"), "warning": ("yellow", "!"), "bad": ("red", "✗"), "skipped": ("dim", "-")}
_NAMES = {
    "configuration": ("설정", "configuration"),
    "files": ("키 파일", "key files"),
    "prices": ("토큰·시세", "token, prices"),
    "clock": ("시각", "clock"),
    "account": ("계좌", "account"),
    "rights": ("주문 권한", "rights"),
    "list": ("주문 내역", "order list"),
    "stream": ("실시간", "stream"),
    "notices": ("체결통보", "notices"),
}
_VERDICT = {
    (False, False): ("이상 없습니다.", "All is well."),
    (False, True): ("쓸 수 있지만 위의 !를 확인하세요.", "It works; look at what is marked with !."),
    (True, False): ("✗를 고친 뒤 다시 실행하세요.", "Mend what is marked with ✗ and run it again."),
    (True, True): ("✗를 고친 뒤 다시 실행하세요.", "Mend what is marked with ✗ and run it again."),
}


@app.command("doctor")
def doctor_command(
    environment: EnvironmentOption = "paper",
    file: KisConfigOption = None,
    clock: ClockOption = "system",
    lang: LangOption = Lang.ko,
) -> None:
    """설정, 시각, 토큰, 계좌, 권한, 실시간을 검사합니다 · check all that an order needs; status 1 if it would fail."""
    from brokers.kis.doctor import Health, examine  # noqa: PLC0415  (keeps --help fast)

    name = environment_of(environment)
    console = Console()
    healths = []
    checks = examine(name, variables=os.environ, path=file, clock_of=clock_chooser(clock))
    for check in checks:
        healths.append(check.health)
        color, sign = _SIGNS[check.health.value]
        found, mend = check.text(lang.language)
        label = _NAMES[check.name][0 if lang is Lang.ko else 1]
        console.print(f"[{color}]{sign} {label}[/{color}]  {escape(found)}", soft_wrap=True)
        if mend:
            console.print(f"    → {escape(mend)}", soft_wrap=True)
    is_bad = Health.BAD in healths
    verdict = _VERDICT[is_bad, Health.WARNING in healths]
    console.print(verdict[0 if lang is Lang.ko else 1])
    if is_bad:
        raise typer.Exit(1)


@app.command("resolve")
def resolve_command(
    ledger: Annotated[Path, typer.Argument(help="거래 장부 · the ledger of the account")],
    order: Annotated[
        str | None, typer.Argument(help="장부의 주문 번호(없으면 목록) · our id; without it, a list")
    ] = None,
    number: Annotated[
        str | None, typer.Option("--number", help="HTS에서 확인한 KIS 주문번호 · the number seen in the HTS")
    ] = None,
    absent: Annotated[bool, typer.Option("--absent", help="HTS에 없음을 확인 · the HTS does not have it")] = False,
    world: Annotated[
        str | None,
        typer.Option("--world", metavar="URL", help="geoul serve의 시각으로 · in the time of a served market"),
    ] = None,
    lang: LangOption = Lang.ko,
) -> None:
    """응답을 잃어 막힌 주문의 결과를 사람이 알려 줍니다 · say what became of an order that Geoul could not find."""
    from brokers.kis.world_clock import WorldClock  # noqa: PLC0415
    from engine.events import OrderAccepted, OrderNotSent  # noqa: PLC0415
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415

    korean = lang is Lang.ko
    console = Console()
    if not ledger.is_file():
        raise BadInput(f"There is no ledger at {ledger}.")
    now = SystemClock() if world is None else WorldClock(world)
    with open_ledger(ledger, now) as books:
        waiting = books.unresolved_orders()
        if order is None:
            for each in waiting:
                request = each.request
                price = f" {request.price:,}" if request.price else ""
                console.print(
                    f"{each.id}  {each.intended_at:%Y-%m-%d %H:%M:%S}  {request.ticker}  {request.side.value}  "
                    f"{request.quantity:,}{price}  {escape(each.message)}",
                    soft_wrap=True,
                )
            if not waiting:
                console.print("막힌 주문이 없습니다." if korean else "No order is waiting to be resolved.")
            return
        resolved = next((each for each in waiting if each.id == order), None)
        if resolved is None:
            raise BadInput(
                f"The order {order} is not waiting to be resolved: `geoul kis resolve {ledger}` lists those."
            )
        if absent == (number is not None):
            raise BadInput("Say either --number with the order's number in the HTS, or --absent.")
        if number is not None:
            if not (number.isascii() and number.isdigit() and int(number) > 0):
                raise BadInput(f"{number!r} is no order number of KIS: give its digits.")
            _require_nobodys(number, resolved, books)
            books.record_outcome(OrderAccepted(time=now.now(), order_id=order, order_number=number))
        else:
            text = "사람이 HTS에서 확인 · looked up in the HTS by a person"
            books.record_outcome(OrderNotSent(time=now.now(), order_id=order, text=text))
        console.print(f"{order}: 기록했습니다." if korean else f"{order}: recorded.")


def _require_nobodys(number: str, order: Order, books: Ledger) -> None:
    """One number of KIS is one order of ours; a second one would count its fills twice."""
    from engine.clock import session_of  # noqa: PLC0415
    from engine.ledger.rows import orders_of_account  # noqa: PLC0415

    day = session_of(order.intended_at)
    for other in orders_of_account(books.connection, intended_on=day).values():
        if other.order_number and int(other.order_number) == int(number):
            raise BadInput(f"The number {number} of {day} is of the order {other.id} already. Look it up once more.")
