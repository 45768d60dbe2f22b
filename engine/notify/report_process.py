"""Reports are made in a process of their own, which ends with the report.

Drawing, and reading an account from its first day on, would slow down the guard of a trader that delivers its own
messages, and would leave their memory behind in a process that runs for months.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from engine.errors import DataError, GeoulError
from engine.notify.delivery_file import Delivery
from engine.notify.sending import Message
from engine.reports.language import Lang

_MOST_SECONDS = 300.0  # of a machine that is busy, for an account of many years
_POLITENESS = 10  # the guard comes first


def report_apart(folder: Path, delivery: Delivery, lang: Lang) -> Message:
    """The report that an alert announces; a `ReportMaker`.

    Raises:
        DataError: it could not be made; why, in the words of the process that tried.
    """
    command = [sys.executable, "-m", __name__]
    asked = pickle.dumps((folder, delivery, lang))
    try:
        # Ctrl-C is for the trader; what is being made then is made again.
        done = subprocess.run(
            command, input=asked, capture_output=True, timeout=_MOST_SECONDS, start_new_session=True, check=False
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"Making it took longer than {_MOST_SECONDS:,.0f} s.") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DataError(said[-1] if said else f"Its process ended with status {done.returncode}.")
    message = pickle.loads(done.stdout)
    assert isinstance(message, Message)
    return message


def main() -> int:
    """Make the report that stands on the standard input, onto the standard output; the exit status."""
    from engine.notify.report_makers import REPORT_MAKERS  # noqa: PLC0415  (whoever only asks need not load them)

    with suppress(OSError, AttributeError):  # not every system has priorities
        os.nice(_POLITENESS)
    folder, delivery, lang = pickle.load(sys.stdin.buffer)
    try:
        message = REPORT_MAKERS[delivery.code](folder, delivery, lang)
    except GeoulError as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(pickle.dumps(message))
    return 0


if __name__ == "__main__":
    sys.exit(main())
