"""Once a month into the three strongest of a list of funds, into cash where they fall.

Sources: N. Jegadeesh, S. Titman, "Returns to Buying Winners and Selling Losers", Journal of Finance 48 (1993), pages
65-91; M. Faber, "Relative Strength Strategies for Investing" (2010), which rotates funds once a month.
Fails when: leadership changes faster than the half year it looks back, or all funds fall together overnight.

Give it funds only (their sale pays no tax); leveraged and inverse ones look strong for other reasons.
"""

from typing import ClassVar

from engine.strategy import Strategy, View


class EtfRotation(Strategy):
    """Decides on the first session of a month; buys once what has to go is sold."""

    features: ClassVar = {"leader": "top(returns(120), 3) and returns(120) > 0%"}

    def __init__(self) -> None:
        self.month = 0
        self.wanted: list[str] = []

    def on_bar(self, view: View) -> None:
        if view.session.month != self.month:
            self.month = view.session.month
            self.wanted = [ticker for ticker in view.tickers if view.feature("leader", ticker) == 1]
        leaving = [ticker for ticker in view.tickers if view.holding(ticker) and ticker not in self.wanted]
        for ticker in leaving:
            view.sell(ticker)
        for ticker in [] if leaving else self.wanted:
            if not view.holding(ticker):
                view.buy(ticker, weight=0.25)  # three quarters: the rest covers reserves at the upper limit
