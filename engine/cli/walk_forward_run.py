"""One walk forward on the command line: its progress, its trials, and what there is to show."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from engine.cli.options import Lang
from engine.cli.sweep_run import duration
from engine.clock import SystemClock
from engine.data.panel import Panel, load_panel
from engine.ledger.ledger import open_ledger
from engine.ledger.lineage import dataset_key, require_dataset
from engine.ledger.trials import trial_count
from engine.reports.walk_forward_view import WalkForwardView
from engine.research.sweep import Sweep
from engine.research.unseen_reach import reached_unseen
from engine.research.walk_forward import walk_forward
from engine.research.walk_forward_plan import Plan
from engine.research.walk_forward_trials import count_variants
from engine.research.workers import PanelSource, Workers

_RUNNING = {
    "ko": "변형 {done:,}/{total:,}, 남은 시간 약 {left}",
    "en": "variant {done:,} of {total:,}, about {left} left",
}
_STARTING = {"ko": "변형을 실행하는 중", "en": "running the variants"}
_TESTING = {"ko": "검증 구간을 거래하는 중", "en": "trading the test windows"}


def run_counted(
    sweep: Sweep,
    plan: Plan,
    panel: Panel,
    source: PanelSource,
    workers: Workers,
    *,
    ledger: Path,
    new: bool,
    title: str,
    tell: Callable[[str, int | None, int | None], None],
    lang: Lang,
) -> WalkForwardView:
    """Run it, and record every variant once the result is there: what was not evaluated is no trial.

    Raises:
        ForeignLedger: the ledger counts another dataset; nothing has run then.
        BadInput and others: as `engine.research.walk_forward.walk_forward`; nothing is recorded then.
    """
    dataset = dataset_key(panel.manifest, panel.interval)
    began = time.perf_counter()
    tell(_STARTING[lang.value], None, None)

    def progress(done: int, total: int) -> None:
        left = duration((time.perf_counter() - began) / done * (total - done), lang)
        text = _RUNNING[lang.value].format(done=done, total=total, left=left) if done < total else _TESTING[lang.value]
        tell(text, done, total)

    with open_ledger(ledger, SystemClock()) as opened, workers:
        # Trials are known by sessions beyond a gap or outside --from and --to as well.
        whole = load_panel(source.folder, interval=source.interval, allow_gaps=True)
        require_dataset(opened, dataset, whole.session, new=new)
        result = walk_forward(sweep, plan, panel, workers, on_progress=progress)
        counted = count_variants(opened, sweep, panel, result)
        unseen = reached_unseen(opened, dataset, panel, result.steps[-1].test[1])
        return WalkForwardView(
            result=result,
            sweep=sweep,
            title=title,
            data=dataset,
            interval=panel.interval,
            ledger=str(ledger),
            counted=counted,
            trials=trial_count(opened, dataset=dataset),
            synthetic=panel.manifest.synthetic,
            untouched=unseen.isoformat() if unseen else None,
        )
