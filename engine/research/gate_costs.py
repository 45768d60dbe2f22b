"""The steps "costs", "delay" and "slippage": is what the candidate adds still there when trading is harder?

Both rule sets trade under the same stress, on the training window and, when it was looked at, on the untouched one.
Only the sign counts: how sure the difference is, other steps say.
"""

from __future__ import annotations

from typing import Any

from engine.research.gate_difference import number
from engine.research.gate_evidence import Evidence
from engine.research.gate_runs import delayed, slipping
from engine.research.verdict import Step


def costs(evidence: Evidence) -> Step:
    """Every fee and tax is paid twice: subtracted once more from the return of the day on which it was paid."""
    spent = [float(run.cost_shares.mean()) for run in (evidence.base_run, evidence.candidate_run)]
    periods = evidence.windows.periods
    return _stressed(evidence, "costs", {"base_costs": spent[0] * periods, "candidate_costs": spent[1] * periods})


def delay(evidence: Evidence) -> Step:
    """Every order reaches the exchange one bar later."""
    return _stressed(evidence, "delay", {"bars": delayed(evidence.config).latency_bars})


def slippage(evidence: Evidence) -> Step:
    """Orders that take liquidity trade worse: at twice the configured slippage, or at the one of the settings."""
    worse = slipping(evidence.config, evidence.settings).slippage
    return _stressed(evidence, "slippage", {"model": worse.model, "size": worse.size})


def _stressed(evidence: Evidence, name: str, figures: dict[str, Any]) -> Step:
    periods = evidence.windows.periods
    added = evidence.pair(name).difference(evidence.scale).mean() * periods
    plain = evidence.difference.mean() * periods
    figures |= {"difference": number(float(added)), "without": number(float(plain))}
    if added <= 0:
        # What was not there without the stress cannot be lost to it.
        reason = "gone" if plain > 0 else "never_there"
        return Step(name=name, outcome="fail", reason=reason, figures=figures)
    return Step(name=name, outcome="pass", reason="still_there", figures=figures)
