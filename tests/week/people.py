"""What a person does about orders that are blocked: looks at the venue's list, and tells it by `geoul kis resolve`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

from typer.testing import CliRunner

from engine.cli.kis import app
from engine.clock import SystemClock
from engine.ledger.alerts import all_alerts
from engine.ledger.ledger import open_ledger
from engine.ledger.rows import orders_of_account
from tests.week.books import Listed


def resolve_blocked(
    ledger: Path, listed: Sequence[Listed], by_hand: Collection[tuple[date, int]], world: str
) -> tuple[int, list[str]]:
    """Tell what became of each blocked order.

    Args:
        ledger: of the account.
        listed: orders at the venue.
        by_hand: those of them that no trader sent.
        world: address of the venue.

    Returns:
        how many were told of, and what the command said where it failed.
    """
    with open_ledger(ledger, SystemClock(), read_only=True) as opened:
        blocked = {each.parameters["order_id"] for each in all_alerts(opened) if each.code == "kis_order_blocked"}
        orders = orders_of_account(opened.connection).values()
        known = {(each.intended_at.date(), int(each.order_number)) for each in orders if each.order_number}
        waiting = [each for each in opened.unresolved_orders() if each.id in blocked]
    failed = []
    for order in waiting:
        request, day = order.request, order.intended_at.date()
        wanted = day, request.ticker, request.side, request.quantity
        found = [
            row
            for row in listed
            if (row.day, row.ticker, row.side, row.quantity) == wanted
            and (day, row.number) not in known
            and (day, row.number) not in by_hand
        ]
        words = ["--number", str(found[0].number)] if found else ["--absent"]
        if found:
            known.add((day, found[0].number))
        done = CliRunner().invoke(app, ["resolve", str(ledger), order.id, *words, "--world", world, "--lang", "en"])
        if done.exit_code != 0:
            failed.append(f"geoul kis resolve {order.id} {' '.join(words)}: {done.exception or done.output}")
    return len(waiting), failed
