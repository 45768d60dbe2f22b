"""Probability of backtest overfitting: does the variant that was best in one half of history stay above the middle?

Combinatorially symmetric cross-validation. History is cut into an even number of blocks; every choice of half of
them is once the training half and once, as the complement, the test half. Sums and sums of squares of each block are
computed once, and any half is then a sum of blocks, so all 12,870 halves of 16 blocks take a fraction of a second.

PBO alone is no gate: on pure noise of eight variants it is below 0.5 half of the time and below 0.2 in 12 % of cases.

Source: D. H. Bailey, J. Borwein, M. López de Prado and Q. J. Zhu, "The probability of backtest overfitting", Journal of
Computational Finance 20 (2017), first published 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadInput
from engine.metrics.returns import Floats
from engine.metrics.undefined import Figure, Undefined

Metric = Literal["sharpe", "mean"]

# More blocks would be C(20, 10) = 184,756 halves or worse, for no better answer.
LARGEST_BLOCKS = 18
# Values of one intermediate array: 4 MB each, a dozen of them at a time.
BATCH_VALUES = 500_000
# Below this share of the mean square, a variance is what rounding leaves of a variant that did not trade.
VARIANCE_FLOOR = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """What happens out of sample to the variant chosen in sample, over all halves of history.

    Args:
        pbo: share of halves in which it is at the middle of the variants or below.
        logits: logit of its relative rank out of sample, one per half, in lexicographic order of the training blocks.
        in_sample: its figure (Sharpe ratio per observation, or mean) in the training half.
        out_of_sample: the same in the other half.
        probability_of_loss: share of halves with an out-of-sample figure below 0.
        slope, intercept: of the least-squares line of `out_of_sample` on `in_sample`; a slope below 0 says that
            the better it looked, the worse it did.
        blocks, variants, observations: the size of the question; `observations` is without dropped rows.
    """

    pbo: float
    logits: Floats
    in_sample: Floats
    out_of_sample: Floats
    probability_of_loss: float
    slope: Figure
    intercept: Figure
    blocks: int
    variants: int
    observations: int


def pbo(performance: Floats, blocks: int = 16, metric: Metric = "sharpe") -> Overfitting | Undefined:
    """Probability of backtest overfitting of a choice among variants.

    Shapes: performance (sessions, variants), return or profit of each variant in each session.
    Rows that do not fill a block are dropped from the start. The Sharpe ratio has ddof 1; a variant that does not
    move in a half has 0 there, as one that did not trade. Equal ranks share their mean; of several best variants
    the first is taken.

    Raises:
        BadInput: an odd or impossible number of blocks, or values that are not finite.
    """
    if blocks < 2 or blocks % 2 or blocks > LARGEST_BLOCKS:
        raise BadInput(
            f"History cannot be cut into {blocks} blocks here: use an even number from 2 to {LARGEST_BLOCKS}."
        )
    rows, variants = performance.shape
    if not np.isfinite(performance).all():
        row, variant = (int(place[0]) for place in np.nonzero(~np.isfinite(performance)))
        raise BadInput(
            f"Variant {variant} has no finite value in session {row}: overfitting is a comparison over the same "
            "sessions. Leave the variant or the session out."
        )
    if variants < 2:
        return Undefined.NO_ALTERNATIVE
    length = rows // blocks
    # Half of the blocks must hold two observations for a spread.
    if length * blocks < 4:
        return Undefined.TOO_FEW_SESSIONS
    figures = _BlockFigures(performance[rows - length * blocks :], blocks, metric)
    halves = np.array(list(combinations(range(blocks), blocks // 2)), dtype=np.int64)
    count = len(halves)
    in_sample, out_of_sample, relative_rank = np.empty(count), np.empty(count), np.empty(count)
    batch = max(1, BATCH_VALUES // variants)
    for start in range(0, count // 2, batch):
        here = np.arange(start, min(start + batch, count // 2))
        # In lexicographic order the complement of a choice stands at the mirrored place.
        there = count - 1 - here
        first, second = figures.of(halves[here]), figures.of(halves[there])
        for train, test, places in ((first, second, here), (second, first, there)):
            in_sample[places], out_of_sample[places], relative_rank[places] = _follow_the_best(train, test)
    logits = np.log(relative_rank / (1 - relative_rank))
    slope, intercept = _line(in_sample, out_of_sample)
    return Overfitting(
        pbo=float((logits <= 0).mean()),
        logits=logits,
        in_sample=in_sample,
        out_of_sample=out_of_sample,
        probability_of_loss=float((out_of_sample < 0).mean()),
        slope=slope,
        intercept=intercept,
        blocks=blocks,
        variants=variants,
        observations=length * blocks,
    )


class _BlockFigures:
    """Sums per block and variant, from which the figure of any set of blocks follows.

    Blocks are added one after the other instead of by a matrix product, whose order of additions depends on the
    place of a column: two equal variants must get equal figures, and every machine the same.
    """

    def __init__(self, performance: Floats, blocks: int, metric: Metric) -> None:
        variants = performance.shape[1]
        self.metric = metric
        self.length = len(performance) // blocks
        cut = performance.reshape(blocks, self.length, variants)
        self.sums = cut.sum(axis=1)
        # A variance does not mind a shift; around the mean it loses the fewest digits.
        self.centre = performance.mean(axis=0)
        centred = cut - self.centre
        self.centred_sums = centred.sum(axis=1)
        self.squares = (centred * centred).sum(axis=1)

    def of(self, halves: NDArray[np.int64]) -> Floats:
        """The figure of every variant in every half. Shapes: halves (n, blocks / 2) -> (n, variants)."""
        observations = halves.shape[1] * self.length
        mean = self._total(self.sums, halves) / observations
        if self.metric == "mean":
            return mean
        square = self._total(self.squares, halves)
        offset = self._total(self.centred_sums, halves)
        variance = (square - offset * offset / observations) / (observations - 1)
        moves = variance > VARIANCE_FLOOR * np.maximum(square / observations, self.centre**2)
        result = np.zeros_like(mean)
        np.divide(mean, np.sqrt(variance, where=moves, out=np.ones_like(variance)), out=result, where=moves)
        return result

    @staticmethod
    def _total(values: Floats, halves: NDArray[np.int64]) -> Floats:
        total = values[halves[:, 0]]
        for place in range(1, halves.shape[1]):
            total += values[halves[:, place]]
        return total


def _follow_the_best(train: Floats, test: Floats) -> tuple[Floats, Floats, Floats]:
    """Figure in and out of sample of the best variant of each row, and its rank out of sample over (variants + 1)."""
    rows = np.arange(len(train))
    best = train.argmax(axis=1)
    after = test[rows, best]
    below = (test < after[:, None]).sum(axis=1)
    equal = (test == after[:, None]).sum(axis=1)
    return train[rows, best], after, (below + (equal + 1) / 2) / (test.shape[1] + 1)


def _line(x: Floats, y: Floats) -> tuple[Figure, Figure]:
    """Slope and intercept of the least-squares line; undefined where x has no spread."""
    deviations = x - x.mean()
    spread = float(deviations @ deviations)
    if spread <= VARIANCE_FLOOR * float(x @ x):
        return Undefined.NO_VARIATION, Undefined.NO_VARIATION
    slope = float(deviations @ (y - y.mean())) / spread
    return slope, float(y.mean()) - slope * float(x.mean())
