"""Two moving averages of one instrument: in above the slow one, out below.

Source: W. Brock, J. Lakonishok, B. LeBaron, "Simple Technical Trading Rules and the Stochastic Properties of Stock
Returns", Journal of Finance 47 (1992), pages 1731-1764.
Fails when: prices go sideways (every crossing costs a round trip and the sales tax), or turn in a day or two.

    geoul backtest --strategy strategies/moving_average_cross.py --ticker 0001U0
"""

from typing import ClassVar

from engine.strategy import Strategy, View


class MovingAverageCross(Strategy):
    """The ten lines."""

    features: ClassVar = {"fast": "mean(close, 10)", "slow": "mean(close, 30)"}

    def on_bar(self, view: View) -> None:
        if view["fast"] > view["slow"] and not view.holding():
            view.buy(weight=0.5)
        elif view["fast"] < view["slow"]:
            view.sell()
