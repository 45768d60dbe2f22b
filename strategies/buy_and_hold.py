"""Equal shares of everything, bought in the first days and never sold: what every other idea has to beat.

Source: B. Barber, T. Odean, "Trading Is Hazardous to Your Wealth", Journal of Finance 55 (2000), pages 773-806: the
households that traded most earned least.
Fails when: the market falls for years, or the data hold only names that survived, which flatters holding them.
"""

from engine.strategy import Strategy, View


class BuyAndHold(Strategy):
    """Needs a choice of at most 20 instruments, or a higher `limits.max_positions`."""

    # A market purchase reserves cash at the day's upper limit, so a full account needs a few sessions to be invested.
    buying_bars = 5

    def __init__(self) -> None:
        self.bars = 0

    def on_bar(self, view: View) -> None:
        self.bars += 1
        if self.bars > self.buying_bars:
            return
        listed = [ticker for ticker in view.tickers if view.is_listed(ticker)]
        for ticker in listed:
            missing = 1 / len(listed) - view.holding(ticker) * view.close(ticker) / view.equity
            if missing > 0:
                view.buy(ticker, weight=missing)
