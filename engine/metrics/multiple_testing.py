"""What a result is worth after many tries: the haircut of a Sharpe ratio, and p-values of many tests at once.

Sources: C. R. Harvey and Y. Liu, "Backtesting", Journal of Portfolio Management 42 (2015). S. Holm, "A simple
sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979). Y. Benjamini and
Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society B 57 (1995).
Y. Benjamini and D. Yekutieli, "The control of the false discovery rate in multiple testing under dependency",
Annals of Statistics 29 (2001).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, expm1, log1p, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadInput
from engine.metrics.returns import Floats
from engine.metrics.sharpe import NORMAL

Procedure = Literal["bonferroni", "holm", "benjamini_hochberg", "benjamini_yekutieli"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Haircut:
    """A yearly Sharpe ratio after the number of trials is taken into account.

    Args:
        sharpe: as measured, per year.
        haircut_sharpe: the Sharpe ratio of a single trial that would be equally surprising, per year.
        p_value: two-sided, of the measured one as a single trial.
        adjusted_p_value: of the best of all trials.
        cut: share of the Sharpe ratio that is gone, 0 to 1.
    """

    sharpe: float
    haircut_sharpe: float
    p_value: float
    adjusted_p_value: float
    cut: float


def haircut_sharpe(sharpe: float, years: float, trials: int) -> Haircut:
    """Cut a yearly Sharpe ratio for the number of independent trials, in the form of Šidák.

    Adjusted p = 1 - (1 - p)^trials. A Sharpe ratio of 0 or below is left as it is: luck did not lift it.

    >>> round(haircut_sharpe(0.75, 20, 200).haircut_sharpe, 6)
    0.324062
    """
    if years <= 0 or trials < 1:
        raise BadInput(f"A haircut over {years:g} years and {trials} trials has no meaning: both must be above 0.")
    p_value = two_sided_p_value(sharpe * sqrt(years))
    # Written with logarithms, because 1 - p is 1 for the small p of a good rule.
    adjusted = 1.0 if p_value >= 1 else -expm1(trials * log1p(-p_value))
    kept = sharpe
    if sharpe > 0 and trials > 1 and adjusted > 0:
        # 1 - quantile of a tail is taken from the other side, where small numbers are exact.
        kept = max(0.0, -NORMAL.inv_cdf(adjusted / 2) / sqrt(years))
    return Haircut(
        sharpe=sharpe,
        haircut_sharpe=kept,
        p_value=p_value,
        adjusted_p_value=adjusted,
        cut=1 - kept / sharpe if sharpe > 0 else 0.0,
    )


def two_sided_p_value(t_statistic: float) -> float:
    """Probability that a standard normal value is at least as far from 0.

    >>> round(two_sided_p_value(1.959963985), 6)
    0.05
    """
    return erfc(abs(t_statistic) / sqrt(2))


def adjusted_p_values(p_values: Floats, procedure: Procedure) -> Floats:
    """The level at which each of many tests would just be rejected; reject where it is at or below the wanted one.

    Bonferroni and Holm bound the probability of a single false rejection. Benjamini-Hochberg bounds the expected share
    of false ones among the rejections for independent or positively dependent tests, Benjamini-Yekutieli for any.

    >>> adjusted_p_values(np.array([0.01, 0.04, 0.03]), "holm").tolist()
    [0.03, 0.06, 0.06]
    """
    count = len(p_values)
    if not ((p_values >= 0) & (p_values <= 1)).all():
        raise BadInput("Every p-value must lie between 0 and 1: leave out tests that gave none.")
    if not count:
        return np.empty(0)
    if procedure == "bonferroni":
        return np.minimum(p_values * count, 1.0)
    order = np.argsort(p_values, kind="stable")
    ascending = p_values[order]
    ranks = np.arange(1, count + 1)
    if procedure == "holm":
        adjusted = np.maximum.accumulate(ascending * (count + 1 - ranks))
    else:
        penalty = float((1 / ranks).sum()) if procedure == "benjamini_yekutieli" else 1.0
        adjusted = np.minimum.accumulate((ascending * penalty * count / ranks)[::-1])[::-1]
    result = np.empty(count)
    result[order] = np.minimum(adjusted, 1.0)
    return result


def rejections(p_values: Floats, procedure: Procedure, level: float = 0.05) -> NDArray[np.bool_]:
    """Which tests are rejected at `level`."""
    return adjusted_p_values(p_values, procedure) <= level
