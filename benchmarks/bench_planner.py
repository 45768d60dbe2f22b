"""A model's backtest in replay: decisions a second from prompt to ledger, and the time to build one prompt.

    python -m benchmarks.bench_planner --tickers 2500 --years 10

The answers come from a scripted model that takes every signal. They are recorded once, on the way, and then replayed
from the cassette; a replay must give the fills of the recording, or nothing is printed.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from datetime import datetime
from pathlib import Path

from brokers.graph_replay import GraphRun, run_graph
from engine.clock import KST, SimulatedClock
from engine.config import BacktestConfig
from engine.data.panel import Panel, load_panel
from engine.data.sample import make_sample
from engine.model.cassette import Cassette
from engine.model.config import ModelConfig
from engine.model.opening import open_replay
from engine.model.reply import ModelReply, Usage
from engine.model.request import ModelRequest
from engine.operating.state import Plan, Situation
from engine.planning.llm_planner import LLMPlanner
from engine.planning.opening import PlannerSetup
from engine.rules.prompt import load_rules, read_prompt

PROMPT = Path(__file__).parents[1] / "prompts" / "core_decision_prompt.md"
CLOCK = SimulatedClock(datetime(2026, 1, 5, 9, 0, tzinfo=KST))
MODEL = ModelConfig.model_validate({"provider": "local", "model": "scripted", "price": "free"})


class Recorder:
    """Takes every signal and records the answer.

    Args:
        cassette: to write.
    """

    def __init__(self, cassette: Cassette) -> None:
        self._cassette = cassette

    def ask(self, request: ModelRequest, *, decision_id: str = "") -> ModelReply:
        """The answer to a first question."""
        context = json.loads(request.messages[1].content)
        fields = (request.schema or {})["properties"]["actions"]["items"]["properties"]
        actions = [
            {
                name: {"type": "buy", "reason": "신호", "weight": signal["weight"]}.get(name, signal.get(name))
                for name in fields
            }
            for signal in context["signals"]
        ]
        for action in actions:
            action.update({name: None for name in ("quantity", "target_price", "target_ratio") if name in action})
        texts = dict.fromkeys(("justification", "risk_assessment", "expected_outcome"), "거래대금이 늘며 평균을 넘었다")
        usage = Usage(input_tokens=4_000, output_tokens=200)
        reply = ModelReply(text=json.dumps({"actions": actions, **texts}), asked_at=CLOCK.now(), usage=usage)
        self._cassette.put(request, reply)
        return reply


class Timed:
    """Another planner, with the time that its questions take.

    Args:
        planner: that plans.
    """

    def __init__(self, planner: LLMPlanner) -> None:
        self.name, self._planner = planner.name, planner
        self.build_ms: list[tuple[int, float]] = []

    def plan(self, situation: Situation) -> Plan:
        """The plan; building its question once more is what is timed."""
        began = time.process_time()
        self._planner.question(situation)
        self.build_ms.append((len(situation.diagnosis.holdings), (time.process_time() - began) * 1_000))
        return self._planner.plan(situation)


def measure(panel: Panel, folder: Path, seed: int | None) -> dict[str, float]:
    """Record, replay, compare; returns rates."""
    name = "plain" if seed is None else "masked"
    rules, text = load_rules(PROMPT), read_prompt(PROMPT)
    setup = PlannerSetup(config=MODEL, mask_seed=seed)
    tape, config = folder / f"{name}.cassette", BacktestConfig()

    def run(planner: LLMPlanner | Timed, ledger: Path | None) -> GraphRun:
        return run_graph(rules, panel, config, ledger, planner=planner, prompt_text=text)

    with Cassette(tape) as cassette:
        timed = Timed(setup.planner(Recorder(cassette), rules, text, panel))
        recorded = run(timed, None)
    began, worked = time.perf_counter(), time.process_time()
    with open_replay(tape, CLOCK) as transport:
        replayed = run(setup.planner(transport, rules, text, panel), folder / f"{name}.db")
        asked = transport.tally.replayed
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    if replayed.result.result_hash != recorded.result.result_hash:
        raise AssertionError(f"{name}: the replay traded otherwise than the recording")
    full = sorted(milliseconds for held, milliseconds in timed.build_ms if held >= 20)
    return {
        "decisions": len(replayed.cycles),
        "asked": asked,
        "fills": len(replayed.result.fills),
        "decisions_per_second": len(replayed.cycles) / seconds,
        "decisions_per_second_of_one_core": len(replayed.cycles) / worked,
        "prompt_ms_median": full[len(full) // 2] if full else float("nan"),
        "prompt_ms_99": full[len(full) * 99 // 100] if full else float("nan"),
        "prompts_with_20_holdings": len(full),
    }


def main() -> None:
    """Print the rates of the plain and the masked run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickers", type=int, default=2_500)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="keeps the market from run to run")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        market = folder / f"market-{chosen.tickers}-{chosen.years}"
        if not market.exists():
            make_sample(market, tickers=chosen.tickers, years=chosen.years, seed=1)
        panel = load_panel(market)
        print(f"{platform.processor() or platform.machine()}, {panel.columns:,} names, {panel.rows:,} bars")
        for seed in (None, 1):
            with tempfile.TemporaryDirectory() as files:
                found = measure(panel, Path(files), seed)
            print("masked" if seed else "plain ", json.dumps({key: round(value, 2) for key, value in found.items()}))


if __name__ == "__main__":
    main()
