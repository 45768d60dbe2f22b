"""Who writes the rules of a reflection: a fixed procedure, or a language model."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.model_run import ModelConfigOption
from engine.cli.options import Lang
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.clock import Clock
    from engine.model.asking import Asks
    from engine.reflection.answers import ModelSettings


class Writer(StrEnum):
    """Who writes the rules."""

    scripted = "scripted"
    llm = "llm"


WriterOption = Annotated[
    Writer, typer.Option("--writer", help="규칙을 쓰는 쪽: 정해진 절차(모델 없음), 언어 모델 · who writes the rules")
]


@dataclass(frozen=True, kw_only=True)
class WriterOptions:
    """The writer, as the user chose it."""

    writer: WriterOption = Writer.scripted
    model_config: ModelConfigOption = None

    @contextlib.contextmanager
    def open(self, ledger: Path, clock: Clock, lang: Lang) -> Iterator[tuple[Asks, ModelSettings]]:
        """The writer, and how it is asked; what a model answers is kept beside the ledger.

        Raises:
            BadInput: a model is configured and not asked, or its configuration cannot be used.
        """
        from engine.clock import SystemClock  # noqa: PLC0415  (keeps --help fast)
        from engine.reflection.scripted_writer import ScriptedWriter, scripted_settings  # noqa: PLC0415

        if self.writer is Writer.scripted:
            if self.model_config is not None:
                raise BadInput("The scripted writer asks no model. Give --writer llm to use --model-config.")
            yield ScriptedWriter(clock), scripted_settings(lang.language)
            return
        from engine.model.config import load_model_config  # noqa: PLC0415
        from engine.model.opening import open_transport  # noqa: PLC0415
        from engine.reflection.answers import ModelSettings  # noqa: PLC0415

        config = load_model_config(self.model_config, os.environ)
        with open_transport(config, "live", SystemClock(), ledger=ledger) as transport:
            yield transport, ModelSettings.of(config, lang.language)
