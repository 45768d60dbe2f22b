"""What the future of a panel could have been instead: one function per input, each with random numbers of its own.

Rows after a cut are replaced by other values, those at or before it stay. Changed one by one, the inputs tell which of
them a decision has looked at; the bars of such a world need not be possible (a close above its high), because only
what was decided before them is read. Changed together they make one consistent world.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from engine.data.panel import CLOSE, HIGH, LOW, OPEN, VOLUME, Panel, State, freeze
from engine.research.audit_draft import STEPS, Change, Draft
from engine.research.audit_events import (
    change_actions,
    change_delisting,
    change_dividends,
    change_halts,
    change_listing,
)

__all__ = ["COMPOSITE", "INPUTS", "NAMES", "Change", "changed"]

FLAGS = np.uint8(State.FIRST_DAY | State.LIQUIDATION | State.MANAGED | State.WARNING | State.UNTRADABLE)
BASE = 5  # beside the fields of a bar


def changed(panel: Panel, change: Change, inputs: Iterable[str] = ()) -> Panel:
    """The panel with another future; `inputs` are names of `INPUTS`, all of them where none is given."""
    wanted = set(inputs) or set(INPUTS)
    draft = Draft(panel, change)
    for name, apply in INPUTS.items():
        if name in wanted:
            apply(draft)
        if name == "close" and wanted >= PRICES:
            _whole_bars(draft)
    return draft.panel()


def _price(field: int) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        draft.scale(draft.own("bars")[field, draft.begin :], draft.price_factor(field))

    return apply


def _base(draft: Draft) -> None:
    draft.scale(draft.own("base")[draft.begin :], draft.price_factor(BASE))


def _whole_bars(draft: Draft) -> None:
    """Highs above and lows below the other prices, where all of them have been changed."""
    prices = draft.own("bars")[:VOLUME, draft.begin :]
    prices[HIGH] = prices.max(axis=0)
    prices[LOW] = prices.min(axis=0)


def _amount(name: str, stream: int) -> Callable[[Draft], None]:
    """Volume or traded won: several times more or less."""

    def apply(draft: Draft) -> None:
        cells = draft.own("bars")[VOLUME] if name == "volume" else draft.own(name)
        if cells is not None:
            size = draft.dice(stream).uniform(-1.2, 1.2, STEPS)
            dice = draft.dice(stream + 100).integers(0, STEPS, draft.shape, dtype=np.uint8)
            draft.scale(cells[draft.begin :], np.exp(-size if draft.change.mirrored else size)[dice])

    return apply


def _shares(draft: Draft) -> None:
    shares = draft.own("shares")
    if shares is not None:
        size = draft.dice(3).uniform(0.3, 1.0, draft.shape[1]) * draft.dice(103).choice([-1.0, 1.0], draft.shape[1])
        draft.scale(shares[draft.begin :], np.exp(-size if draft.change.mirrored else size)[None, :])


def _index(draft: Draft) -> None:
    made = {}
    for place, (name, series) in enumerate(sorted(draft.source.indices.items())):
        later = series[:, draft.begin :] * draft.walk(draft.dice(200 + place))[:, 0]
        for field in (OPEN, HIGH, LOW):
            later[field] *= draft.wiggle(field, (later.shape[1],))
        later[HIGH], later[LOW] = later.max(axis=0), later.min(axis=0)
        made[name] = freeze(np.concatenate([series[:, : draft.begin], later], axis=1))
    draft.changes["indices"] = made


def _status(draft: Draft) -> None:
    """Each flag of a bar turns with a chance of one in four, in the mirror image with another one in four."""
    state, dice = draft.own("state")[draft.begin :], draft.dice(4)
    turned, half = (dice.integers(0, 256, draft.shape, dtype=np.uint8) for _ in range(2))
    turned &= FLAGS & (~half if draft.change.mirrored else half)
    turned[state & State.PRESENT == 0] = 0
    state ^= turned


# In the order in which one world takes them: names first, then what they trade at, then what happens to them.
INPUTS: dict[str, Callable[[Draft], None]] = {
    "delisting": change_delisting,
    "listing": change_listing,
    "open": _price(OPEN),
    "high": _price(HIGH),
    "low": _price(LOW),
    "close": _price(CLOSE),
    "volume": _amount("volume", 1),
    "value": _amount("value", 2),
    "shares": _shares,
    "base": _base,
    "index": _index,
    "status": _status,
    "halts": change_halts,
    "actions": change_actions,
    "dividends": change_dividends,
}
# These rewrite bars too, so they are blamed only where no single input moved the decision.
COMPOSITE = ("delisting", "listing", "halts")
PRICES = {"open", "high", "low", "close"}
NAMES = ("delisting", "listing")  # these move the first or last row of a name
