"""A transport from a configuration: the parts that a mode needs, put together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from engine.clock import Clock
from engine.errors import BadInput
from engine.model.calls import CallLog
from engine.model.cassette import Cassette
from engine.model.client import ModelClient
from engine.model.config import ModelConfig
from engine.model.prices import prices_for
from engine.model.scrub import Scrubber
from engine.model.transport import Mode, Patience, Transport


def open_replay(cassette: Path, clock: Clock, *, ledger: Path | None = None, run: str | None = None) -> Transport:
    """Recorded answers and nothing else: no configuration, no key, no network.

    Args:
        cassette: the file.
        clock: of the rows in the ledger.
        ledger: where to note what was replayed; None = nowhere.
        run: see `engine.model.calls.CallLog`.
    """
    tape = Cassette(cassette, read_only=True)
    try:
        calls = CallLog(ledger, clock, run=run) if ledger is not None else None
        return Transport("replay", clock, cassette=tape, calls=calls)
    except BaseException:
        tape.close()
        raise


def open_transport(
    config: ModelConfig,
    mode: Mode,
    clock: Clock,
    *,
    cassette: Path | None = None,
    ledger: Path | None = None,
    run: str | None = None,
    secrets: Iterable[str] = (),
) -> Transport:
    """The transport of a mode; close it at the end.

    Args:
        config: of the model.
        mode: live, record, replay or refresh.
        clock: of the person who pays, not of a simulated market.
        cassette: file of recorded answers; needed in every mode but live.
        ledger: file of the ledger; needed in every mode but replay.
        run: name of the run for the cap per run; see `engine.model.calls.CallLog`.
        secrets: further values to mask in all that is stored, such as the broker's keys and account number.

    Raises:
        BadInput: the mode lacks a file. ConfigError: there is no key. DataError: a file cannot be used.
    """
    if mode != "live" and cassette is None:
        raise BadInput(f"The mode {mode} needs a cassette. Name its file, such as --cassette answers.db.")
    if mode == "replay":
        assert cassette is not None
        return open_replay(cassette, clock, ledger=ledger, run=run)
    if ledger is None:
        raise BadInput(f"The mode {mode} needs a ledger: what is spent must be written down. Name its file.")
    scrub = Scrubber((*config.secrets(), *secrets))
    client = ModelClient(config, clock, scrub=scrub)
    tape: Cassette | None = None
    try:
        tape = Cassette(cassette, scrub=scrub) if cassette is not None and mode != "live" else None
        return Transport(
            mode,
            clock,
            cassette=tape,
            calls=CallLog(ledger, clock, run=run, scrub=scrub),
            client=client,
            prices=prices_for(config),
            caps=config.caps,
            patience=Patience(
                attempts=config.attempts,
                timeout_seconds=config.timeout_seconds,
                total_seconds=config.total_seconds,
            ),
        )
    except BaseException:
        client.close()
        if tape is not None:
            tape.close()
        raise
