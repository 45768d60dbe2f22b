"""How hard the rules of a reflection are judged."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.research_options import NewDatasetOption

if TYPE_CHECKING:
    from engine.config import BacktestConfig
    from engine.data.panel import Panel
    from engine.ledger.ledger import Ledger
    from engine.reflection.gating import Judge
    from engine.research.workers import Workers


class GateKind(StrEnum):
    """How hard a rule is judged."""

    full = "full"
    quick = "quick"
    off = "off"


GateOption = Annotated[
    GateKind,
    typer.Option(
        "--gate",
        help="심사: full, quick(같은 단계와 기준, 이웃 20개와 재표집 200회), off(시연: 모두 받아들임) · "
        "the gate: full, quick (same steps and thresholds, 20 neighbours, 200 resamples), off (demo: accept all)",
    ),
]


@dataclass(frozen=True, kw_only=True)
class JudgeOptions:
    """The gate, as the user chose it."""

    gate: GateOption = GateKind.full
    new_dataset: NewDatasetOption = False

    def judge(
        self, panel: Panel, config: BacktestConfig, ledger: Ledger, workers: Workers, end: datetime.date
    ) -> Judge:
        """The gate; it sees no session after `end`, whatever the data holds."""
        from engine.reflection.gating import accept_all, gate_on, quick  # noqa: PLC0415  (keeps --help fast)
        from engine.research.gate_settings import GateSettings  # noqa: PLC0415

        if self.gate is GateKind.off:
            return accept_all
        settings = quick(GateSettings()) if self.gate is GateKind.quick else GateSettings()
        return gate_on(panel, config, ledger, workers, settings, end=end, new_dataset=self.new_dataset)
