"""When each part of a session happens: the instants at which the replayed exchange prints its path.

    what                      daily bar                              minute bar, from its open to its close
    day begins                start of the opening call (08:30)      before the first bar of the session
    opening price             session opens (09:00)                  1 second after its open (the first: at it)
    first extreme (low)       a third of the session (11:10)         a third of the bar (20 s)
    second extreme (high)     two thirds of it (13:20)               two thirds of it (40 s)
    closing call begins       15:20                                  15:20
    closing price             session closes (15:30)                 1 second before its close (the last: at it)
    the bar is closed         with its closing price                 its close

A recorded trade (a row of a tick panel) is printed at its own second and closed with it; the closing call begins at
15:20 and the session ends at 15:30, or with its last trade if that is later.

Times in brackets are those of an ordinary session since 2016; other sessions follow `engine.krx.sessions`. The order of
the extremes is the exchange's own (`path`). An order takes part from the first instant after it was accepted; the
opening price of a minute bar comes a second after the close before it, so that a client can act on that close. All its
prints lie inside its minutes, as KIS counts them: whoever builds bars from the stream gets the bars of the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from engine.clock import from_nanoseconds
from engine.data.interval import interval_minutes
from engine.data.panel import Panel
from engine.krx.sessions import SessionHours, session_hours

BEGIN, END = -1, 4  # parts of a bar beside its four points, as `engine.matching.step.trade_part` counts them
_USUAL_CALL = timedelta(minutes=30)  # before 1998 the tables do not say when orders for the open were collected

# MKOP_CLS_CODE of the stream. Source: the table PHASES of `brokers.kis.realtime`.
OPENING_CALL, CONTINUOUS, CLOSING_CALL, CLOSED = "110", "112", "121", "129"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens at one instant.

    Args:
        time: of the data, Asia/Seoul.
        row: bar of the panel.
        parts: parts of that bar, in order.
        phase: MKOP_CLS_CODE that the market enters, "" if it does not change.
    """

    time: datetime
    row: int
    parts: tuple[int, ...] = ()
    phase: str = ""

    @property
    def point(self) -> int | None:
        """The point of the path that is printed, None if none is."""
        return next((part for part in self.parts if BEGIN < part < END), None)


class SessionPath:
    """The sessions of a panel and the steps of each."""

    def __init__(self, panel: Panel) -> None:
        starts = np.append(0, np.flatnonzero(np.diff(panel.session)) + 1)
        self._panel = panel
        self._bounds = [*starts.tolist(), panel.rows]
        self._kept: tuple[int, list[Step]] | None = None  # of the session that was asked for last
        self.sessions: list[date] = [panel.session_date(row) for row in starts.tolist()]

    def __len__(self) -> int:
        return len(self.sessions)

    def rows(self, number: int) -> range:
        """The bars of a session."""
        return range(self._bounds[number], self._bounds[number + 1])

    def number_of(self, row: int) -> int:
        """The session of a bar."""
        return int(np.searchsorted(self._bounds, row, side="right")) - 1

    def hours(self, number: int) -> SessionHours:
        """When a session opens and closes."""
        return session_hours(self.sessions[number])

    def steps(self, number: int) -> list[Step]:
        """All steps of a session in order of time; a list that nobody may change."""
        if self._kept is None or self._kept[0] != number:
            self._kept = number, self._steps(number)
        return self._kept[1]

    def _steps(self, number: int) -> list[Step]:
        hours, rows = self.hours(number), self.rows(number)
        opens, closes = hours.periods[0][0], hours.periods[-1][1]
        call = hours.opening_call[0] if hours.opening_call else opens - _USUAL_CALL
        steps = [Step(time=call, row=rows[0], parts=(BEGIN,), phase=OPENING_CALL)]
        if self._panel.is_trade(rows[0]):
            steps += self._trades(rows, opens, closes)
        elif self._panel.interval == "1d" or self._panel.trades_from is not None:
            steps += _daily(rows[0], opens, closes)
        else:
            steps += self._minutes(rows, opens)
        if hours.closing_call:
            steps.append(Step(time=hours.closing_call[0], row=rows[-1], phase=CLOSING_CALL))
        return sorted(steps, key=lambda step: step.time)  # stable: what is listed first happens first

    def _minutes(self, rows: range, opens: datetime) -> list[Step]:
        length = timedelta(minutes=interval_minutes(self._panel.interval))
        steps: list[Step] = []
        before = opens
        for row in rows:
            closed = from_nanoseconds(int(self._panel.closed_at_ns[row]))
            opened = max(before, closed - length)
            first = row == rows[0]
            third = (closed - opened) / 3
            steps += [
                Step(
                    time=opened if first else opened + timedelta(seconds=1),
                    row=row,
                    parts=(0,) if first else (BEGIN, 0),
                    phase=CONTINUOUS if first else "",
                ),
                Step(time=_whole(opened + third), row=row, parts=(1,)),
                Step(time=_whole(opened + 2 * third), row=row, parts=(2,)),
            ]
            if row == rows[-1]:
                steps.append(Step(time=closed, row=row, parts=(3, END), phase=CLOSED))
            else:
                steps.append(Step(time=closed - timedelta(seconds=1), row=row, parts=(3,)))
                steps.append(Step(time=closed, row=row, parts=(END,)))
            before = closed
        return steps

    def _trades(self, rows: range, opens: datetime, closes: datetime) -> Iterator[Step]:
        yield Step(time=opens, row=rows[0], phase=CONTINUOUS)
        last = opens
        for row in rows:
            last = from_nanoseconds(int(self._panel.closed_at_ns[row]))
            if row == rows[-1]:
                yield Step(time=last, row=row, parts=(0,) if len(rows) == 1 else (BEGIN, 0))
            else:
                yield Step(time=last, row=row, parts=(0, END) if row == rows[0] else (BEGIN, 0, END))
        yield Step(time=max(closes, last), row=rows[-1], parts=(END,), phase=CLOSED)


def _daily(row: int, opens: datetime, closes: datetime) -> list[Step]:
    third = (closes - opens) / 3
    return [
        Step(time=opens, row=row, parts=(0,), phase=CONTINUOUS),
        Step(time=_whole(opens + third), row=row, parts=(1,)),
        Step(time=_whole(opens + 2 * third), row=row, parts=(2,)),
        Step(time=closes, row=row, parts=(3, END), phase=CLOSED),
    ]


def _whole(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)
