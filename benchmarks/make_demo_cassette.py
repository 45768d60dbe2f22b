"""Record the demo that ships: `python -m benchmarks.make_demo_cassette [--out FILE]`, a minute or two.

The scripted writer stands where a provider would, behind the same transport in the mode record, so that its answers
take the way of a model's: reserved, booked, stored. Every row says `scripted-demo`; no model is asked and nothing goes
over a network. Moments are those of the simulated market, so that the same sources give the same rows.

Two passes are recorded, because later questions depend on which rules came in: all of them (`--gate off` and
`advice`), and those that the gate lets in (`--gate quick`).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from brokers.learning_demo import demo_panel, run_demo
from engine.cli.dataset import dataset_folder
from engine.clock import Clock
from engine.data.atomic import atomic_path
from engine.data.panel import Panel
from engine.model.answer import RawAnswer, body_of
from engine.model.asking import Asks
from engine.model.calls import CallLog
from engine.model.cassette import Cassette
from engine.model.config import FREE, ModelConfig
from engine.model.prices import prices_for
from engine.model.request import ModelRequest
from engine.model.transport import Transport
from engine.reflection.demo.tape import TAPE, pack_tape
from engine.reflection.gating import quick
from engine.reflection.scripted_writer import DEMO_MODEL, PROVIDER, ScriptedWriter
from engine.research.gate_settings import GateSettings


class ScriptedProvider:
    """The scripted writer in the place of a provider.

    Args:
        clock: of the simulation; dates the answers.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._writer = clock, ScriptedWriter(clock)

    def send(self, request: ModelRequest, timeout_seconds: float) -> RawAnswer:
        """The scripted answer as a body of chat completions, under the name of the demo."""
        reply = replace(self._writer.ask(request), model=request.model)
        return RawAnswer(api="chat", body=body_of(reply), request_id="scripted", asked_at=self._clock.now())

    def close(self) -> None:
        """There is nothing to close."""


def record(panel: Panel, tape: Path, gates: tuple[GateSettings | None, ...]) -> None:
    """Record a year under each gate into one cassette."""
    prices = prices_for(ModelConfig(provider=PROVIDER, model=DEMO_MODEL, price=FREE))
    for number, gate in enumerate(gates):
        with tempfile.TemporaryDirectory() as scratch, ExitStack() as opened:
            ledger = Path(scratch) / "calls.db"

            def provider(clock: Clock, ledger: Path = ledger, opened: ExitStack = opened) -> Asks:
                calls, client = CallLog(ledger, clock), ScriptedProvider(clock)
                cassette = Cassette(tape)
                transport = Transport("record", clock, cassette=cassette, calls=calls, client=client, prices=prices)
                return opened.enter_context(transport)

            run = run_demo(panel, provider, gate, on_week=_tell(number, len(gates)))
        print(f"\n{len(run.weeks)} weeks, {len(run.fates)} changes judged, {len(run.births)} came in")


def _tell(number: int, passes: int) -> Callable[[int, int], None]:
    def tell(done: int, weeks: int) -> None:
        print(f"\rpass {number + 1} of {passes}: week {done} of {weeks}", end="", flush=True)

    return tell


def main() -> None:
    """Record into a new file and put it in the place of the old one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=TAPE)
    out: Path = parser.parse_args().out
    panel = demo_panel(dataset_folder(None, print))
    with tempfile.TemporaryDirectory() as scratch, atomic_path(out) as temporary:
        cassette = Path(scratch) / "answers.cassette"
        record(panel, cassette, (None, quick(GateSettings())))
        pack_tape(cassette, temporary)
        with Cassette(cassette, read_only=True) as recorded:
            print(f"{out}: {len(recorded)} answers, {temporary.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
