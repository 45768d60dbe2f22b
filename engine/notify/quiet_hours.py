"""Quiet hours: what is not critical waits for the morning."""

from __future__ import annotations

from datetime import datetime, timedelta

from engine.clock import in_seoul
from engine.ledger.alerts import Urgency
from engine.notify.settings import Quiet


def released_at(moment: datetime, urgency: Urgency, quiet: Quiet | None) -> datetime:
    """When a message that is due at `moment` may be sent: then, or at the end of the quiet hours that it falls into.

    The first minute of the quiet hours belongs to them, that of the morning does not.
    """
    if quiet is None or urgency is Urgency.CRITICAL:
        return moment
    here = in_seoul(moment)
    start = here.replace(hour=quiet.start.hour, minute=quiet.start.minute, second=0, microsecond=0)
    end = here.replace(hour=quiet.end.hour, minute=quiet.end.minute, second=0, microsecond=0)
    if quiet.start < quiet.end:  # within a day
        return end if start <= here < end else moment
    if here >= start:
        return end + timedelta(days=1)
    return end if here < end else moment
