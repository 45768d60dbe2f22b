"""Has a run looked into the window that the gate keeps unseen?"""

from __future__ import annotations

from datetime import date

from engine.data.panel import Panel
from engine.errors import BadInput
from engine.ledger.ledger import Ledger
from engine.ledger.looks import window_looks
from engine.research.gate_settings import GateSettings
from engine.research.gate_windows import plan_windows


def reached_unseen(ledger: Ledger, dataset: str, panel: Panel, last: date) -> date | None:
    """First session that the gate keeps unseen, where a run up to `last` has reached it; else None."""
    looks = window_looks(ledger, dataset=dataset).get(dataset, [])
    try:
        window = plan_windows(panel, GateSettings(), looks).untouched.window
    except BadInput:  # too little data for a gate: nothing is kept unseen
        return None
    return window.first if window is not None and window.first <= last else None
