"""The tape of the demo and how its questions are asked; whatever decides a question is fixed here."""

from __future__ import annotations

import datetime
import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import engine
from engine.clock import Clock
from engine.errors import DataError
from engine.model.asking import Asks
from engine.model.failure import ReplayMiss
from engine.model.opening import open_replay
from engine.model.reply import ModelReply
from engine.model.request import ModelRequest
from engine.model.transport import Transport
from engine.reflection.answers import ModelSettings
from engine.reflection.scripted_writer import DEMO_MODEL, PROVIDER

TAPE = Path(__file__).with_name("answers.cassette.gz")  # questions repeat each other: packed they are a tenth
PROMPTS = Path(engine.__path__[0]).parent / "prompts"
PROMPT = PROMPTS / "core_decision_prompt.md"
FIRST_SESSION = datetime.date(2024, 1, 2)  # to the end of the embedded market, a year
MASK_SEED = 0
REMAKE = "python -m benchmarks.make_demo_cassette"


def demo_settings() -> ModelSettings:
    """How the demo asks: in Korean whatever the language of the report, and with the prompt files that ship."""
    return ModelSettings(provider=PROVIDER, model=DEMO_MODEL, lang="ko", folder=PROMPTS)


@contextmanager
def open_tape(clock: Clock, tape: Path = TAPE) -> Iterator[Transport]:
    """The recorded answers, unpacked for as long as they are read.

    Raises:
        DataError: the tape is missing or damaged.
    """
    with tempfile.TemporaryDirectory(prefix="geoul-demo-") as folder:
        unpacked = Path(folder) / "answers.cassette"
        try:
            unpacked.write_bytes(gzip.decompress(tape.read_bytes()))
        except (FileNotFoundError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(
                f"The answers of the demo, {tape}, cannot be read: {error}. Install Geoul anew, or record them in a "
                f"checkout of the source with `{REMAKE}`."
            ) from None
        with open_replay(unpacked, clock) as transport:
            yield transport


def pack_tape(cassette: Path, tape: Path) -> None:
    """Pack a finished cassette; equal cassettes give equal bytes."""
    tape.write_bytes(gzip.compress(cassette.read_bytes(), mtime=0))


class DemoAnswers:
    """Answers from the tape; a question that it does not hold says how the tape is made anew.

    Args:
        asks: the tape.
    """

    def __init__(self, asks: Asks) -> None:
        self._asks = asks

    def ask(self, request: ModelRequest, *, decision_id: str = "") -> ModelReply:
        """As the transport does.

        Raises:
            ReplayMiss: a question of the demo has changed since its answers were recorded.
        """
        try:
            return self._asks.ask(request, decision_id=decision_id)
        except ReplayMiss as miss:
            raise ReplayMiss(
                "The recorded demo does not fit this Geoul: a prompt file, the embedded market or the figures of the "
                f"reflection have changed since. In a checkout of the source, record it again with `{REMAKE}`.\n{miss}",
                miss.key,
            ) from None
