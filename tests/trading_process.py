"""A trader as a process of its own, to be killed at any moment."""

from __future__ import annotations

import sys
from pathlib import Path

from brokers.kis.config import load_kis_config
from brokers.kis.world_clock import WorldClock
from brokers.kis_trading.opening import open_trading
from brokers.kis_trading.plan import TradingPlan
from engine.config import BacktestConfig
from engine.trading.account_jobs import RegularWork
from engine.trading.autonomy import Level


def main() -> None:
    url, folder, prompt, environment, names, settings = sys.argv[1:7]
    options = {"token_folder": Path(folder) / "tokens", "calls_per_second": 1000}
    path = Path(folder) / "kis_devlp.yaml"
    config = load_kis_config(environment, variables={}, path=path, options=options)  # type: ignore[arg-type]
    clock = WorldClock(url)
    plan = TradingPlan(
        folder=Path(folder),
        config=config,
        prompt=Path(prompt),
        settings=BacktestConfig.model_validate_json(settings),
        tickers=names.split(","),
        clock=clock,
        sleep=clock.sleep,
        lang="en",
        first_level=Level(int(sys.argv[7])) if len(sys.argv) > 7 else Level.ALONE,
        work=RegularWork() if len(sys.argv) > 8 else None,
        tell=lambda line: print(line, flush=True),
    )
    with open_trading(plan) as trading:
        trading.run(stop=lambda: False)


if __name__ == "__main__":
    main()
