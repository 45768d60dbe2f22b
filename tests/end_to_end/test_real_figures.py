"""A new user's run on real history, checked without the engine: fills, account and figures."""

from __future__ import annotations

import datetime
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.data.import_options import ImportOptions
from engine.data.importer import import_dataset
from tests.end_to_end.conftest import Geoul
from tests.end_to_end.default_prompt_by_hand import ByHand

SOURCE = Path("krx_daily_long") / "unadjusted_100tk_2021_2026.parquet"
FUNDS = {"102110", "133690", "229200", "360750", "396500", "459580", "488770"}
SPLITS = {("086280", datetime.date(2024, 7, 12)): 2, ("278470", datetime.date(2024, 10, 31)): 5}
UNEXPLAINED = {("042700", datetime.date(2022, 4, 6)), ("207940", datetime.date(2025, 11, 24))}
STRATEGIES = sorted((Path(__file__).parents[2] / "strategies").glob("*.md"))


@pytest.fixture(scope="module")
def dataset(krx_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of 80 large names as a new user imports it, with the share counts of the weekly file."""
    folder = tmp_path_factory.mktemp("real") / "large"
    options = ImportOptions(
        index=krx_data / "krx_index" / "krx_index_daily.parquet",
        reference=krx_data / "krx_weekly_sections" / "krx_weekly.parquet",
    )
    import_dataset([str(krx_data / SOURCE)], folder, options)
    return folder


def answer(geoul: Geoul, *arguments: object) -> dict[str, Any]:
    done = geoul("backtest", *arguments, "--json")
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_the_default_prompt_trades_as_by_hand(geoul: Geoul, krx_data: Path, dataset: Path) -> None:
    found = answer(geoul, "--data", dataset)
    curve, fills = ByHand(pl.read_parquet(krx_data / SOURCE), FUNDS, SPLITS, UNEXPLAINED).run()
    key = fills.columns
    theirs = pl.DataFrame(found["fills"]).with_columns(pl.col("session").str.to_date()).select(key)
    assert fills.height > 300
    assert fills.sort(key).rows() == theirs.sort(key).rows()
    equity = pl.DataFrame(found["equity"]).with_columns(pl.col("session").str.to_date())
    assert curve.rows() == equity.select(curve.columns).rows()


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda path: path.stem)
def test_account_and_figures_follow_from_the_fills(geoul: Geoul, krx_data: Path, dataset: Path, strategy: Path) -> None:
    found = answer(geoul, strategy, "--data", dataset)
    metrics, fills, orders = (found[name] for name in ("metrics", "fills", "orders"))
    equity = pl.DataFrame(found["equity"]).with_columns(pl.col("session").str.to_date())
    assert _account(krx_data, fills, equity["session"].to_list()) == equity.select("cash", "holdings").rows()

    warm = int(equity["warmup"].sum())
    assert warm == 0 or equity["equity"][warm - 1] == 100_000_000  # nothing earned or lost is left out
    values = np.array([100_000_000, *equity["equity"][warm:]], dtype=float)
    change = values[1:] / values[:-1] - 1
    began = equity["session"][warm - 1] if warm else equity["session"][0] - datetime.timedelta(days=1)
    years = (equity["session"][-1] - began).days / 365
    pnl = np.array([trade["pnl"] for trade in found["trades"]], dtype=float)
    own = {
        "total_return": values[-1] / values[0] - 1,
        "annual_return": (values[-1] / values[0]) ** (1 / years) - 1,
        "volatility": change.std(ddof=1) * 252**0.5,
        "sharpe": change.mean() / change.std(ddof=1) * 252**0.5,
        "sortino": change.mean() / np.sqrt(np.mean(np.minimum(change, 0) ** 2)) * 252**0.5,
        "max_drawdown": (values / np.maximum.accumulate(values) - 1).min(),
        "win_rate": (pnl > 0).mean(),
        "profit_factor": pnl[pnl > 0].sum() / -pnl[pnl < 0].sum(),
        "expectancy": pnl.mean(),
        "costs": sum(fill["fee"] + fill["stt"] + fill["rural"] for fill in fills),
        "final_equity": 100_000_000
        + sum(metrics[name] for name in ("closed_pnl", "open_pnl", "dividends", "distributions", "other_pnl")),
        "turnover": sum(fill["amount"] for fill in fills) / 2 / values.mean() / years,
    }
    assert {name: metrics[name] for name in own} == pytest.approx(own, rel=1e-9)

    filled: dict[int, int] = {}
    for fill in fills:
        filled[fill["order_id"]] = filled.get(fill["order_id"], 0) + fill["quantity"]
    assert {order["id"]: order["filled"] for order in orders if order["filled"]} == filled


def _account(krx_data: Path, fills: list[dict[str, Any]], sessions: list[datetime.date]) -> list[tuple[int, int]]:
    """Cash and value of holdings by session, from the fills and the closes of the source file."""
    closes = {
        (ticker, day): int(close)
        for ticker, day, close in pl.read_parquet(krx_data / SOURCE).select("ticker", "date", "close").iter_rows()
    }
    by_day: dict[str, list[dict[str, Any]]] = {}
    for fill in fills:
        by_day.setdefault(fill["session"], []).append(fill)
    cash, held, last = 100_000_000, dict[str, int](), dict[str, int]()
    account = []
    for day in sessions:
        for (ticker, split_day), ratio in SPLITS.items():
            if day == split_day:
                held[ticker] = held.get(ticker, 0) * ratio
        for fill in by_day.get(day.isoformat(), []):
            sign = 1 if fill["side"] == "buy" else -1
            assert fill["amount"] == fill["price"] * fill["quantity"]
            cash -= sign * fill["amount"] + fill["fee"] + fill["stt"] + fill["rural"]
            held[fill["ticker"]] = held.get(fill["ticker"], 0) + sign * fill["quantity"]
            assert held[fill["ticker"]] >= 0
        last |= {ticker: closes[ticker, day] for ticker in held if (ticker, day) in closes}
        account.append((cash, sum(quantity * last[ticker] for ticker, quantity in held.items() if quantity)))
    return account


def test_every_fill_lies_on_its_bar(geoul: Geoul, krx_data: Path, dataset: Path) -> None:
    bars = {(row[1], str(row[0])): row[2:] for row in pl.read_parquet(krx_data / SOURCE).iter_rows()}
    for strategy in STRATEGIES:
        found = answer(geoul, strategy, "--data", dataset)
        sessions = [row["session"] for row in found["equity"]]
        following = dict(itertools.pairwise(sessions))
        orders = {order["id"]: order for order in found["orders"]}
        taken: dict[tuple[str, str], int] = {}
        for fill in found["fills"]:
            order, place = orders[fill["order_id"]], (fill["ticker"], fill["session"])
            opening, high, low, _, volume = bars[place]
            taken[place] = taken.get(place, 0) + fill["quantity"]
            assert low <= fill["price"] <= high and volume > 0, fill
            if order["kind"].startswith("guard"):
                assert order["session_sent"] == fill["session"], fill
            else:
                assert following[order["session_sent"]] == fill["session"], fill
            if order["kind"] == "market":
                assert (fill["point"], fill["price"]) == ("open", opening), fill
            if order["kind"] == "limit":
                assert fill["price"] == (opening if fill["point"] == "open" else order["price"]), fill
                assert fill["price"] <= order["price"], fill
        assert all(quantity <= bars[place][4] // 10 for place, quantity in taken.items())


def test_changing_one_rule_is_compared(geoul: Geoul, dataset: Path, tmp_path: Path) -> None:
    default = Path(__file__).parents[2] / "prompts" / "core_decision_prompt.md"
    (tmp_path / "new.md").write_text(default.read_text(encoding="utf-8").replace("-7%", "-10%"), encoding="utf-8")
    done = geoul("compare", default, "new.md", "--data", dataset, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert [(change["rule_id"], change["kind"]) for change in found["changes"]] == [("stop-loss", "changed")]
    runs = [answer(geoul, prompt, "--data", dataset) for prompt in (default, "new.md")]
    assert [found[side]["result_hash"] for side in ("old", "new")] == [run["result_hash"] for run in runs]
    orders = [[tuple(map(str, order.values())) for order in run["orders"]] for run in runs]
    first = next(place for place, pair in enumerate(zip(*orders, strict=False)) if pair[0] != pair[1])
    assert found["first_order_difference"] == runs[0]["orders"][first]["session_sent"]


HOLD = """## 투자 원칙 및 규칙
**주기**: 1d

### Entry Criteria: hold
**규칙**: 사서 가지고 있는다
**조건**: `always`
**행동**: `buy 50% of equity`
**우선순위**: 5/10
"""


def test_survivors_and_unexplained_jumps_are_told(geoul: Geoul, dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "hold.md").write_text(HOLD, encoding="utf-8")
    for ticker, expected in (("207940", True), ("005930", False)):
        found = answer(geoul, "hold.md", "--data", dataset, "--ticker", ticker)
        told = {warning["code"]: warning["parameters"] for warning in found["warnings"]}
        assert ("jumps_held" in told) is expected
    whole = answer(geoul, "hold.md", "--data", dataset)
    told = {warning["code"]: warning["parameters"] for warning in whole["warnings"]}
    assert "survivorship" in told
    assert told["untradable_jumps"]["tickers"] == "042700, 207940"
