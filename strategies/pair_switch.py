"""A pair held one leg at a time: after one has run ahead of the other, hold the one left behind.

Pairs trading without the short leg, which a KRX cash account does not have: gains come from switching, the risk of the
market stays. Source of the idea: E. Gatev, W. Goetzmann, K. G. Rouwenhorst, "Pairs Trading: Performance of a
Relative-Value Arbitrage Rule", Review of Financial Studies 19 (2006), pages 797-827.
Fails when: the pair parts for good (the laggard has a reason), or the gap is smaller than two sales taxes.

    geoul backtest --strategy strategies/pair_switch.py --ticker 0001U0 --ticker 0003U0
"""

from typing import ClassVar

from engine.errors import BadInput
from engine.strategy import Strategy, View


class PairSwitch(Strategy):
    """Sells one leg completely before it buys the other."""

    features: ClassVar = {"past": "returns(60)"}
    gap = 0.05  # how far one must have run ahead, as a difference of returns

    def on_start(self, view: View) -> None:
        if len(view.tickers) != 2:
            raise BadInput(f"A pair has two tickers, not {len(view.tickers)}. Choose them: --ticker A --ticker B.")
        self.wanted, self.other = view.tickers

    def on_bar(self, view: View) -> None:
        ahead = view.feature("past", self.wanted) - view.feature("past", self.other)
        if ahead > self.gap:
            self.wanted, self.other = self.other, self.wanted
        if view.holding(self.other) or view.pending(self.other):
            view.sell(self.other)
        elif abs(ahead) > self.gap and not view.holding(self.wanted):
            view.buy(self.wanted, weight=0.75)  # a market purchase reserves cash at the upper limit, 30 % higher
