"""The first half hour tells the last one: buy before the final half hour if the first rose, out the same day.

Source: L. Gao, Y. Han, S. Z. Li, G. Zhou, "Market Intraday Momentum", Journal of Financial Economics 129 (2018), pages
394-414, on an exchange-traded fund of the whole market.
Fails when: a sale pays tax (use a fund), the spread is wide, or the session is shorter than six and a half hours (the
first of the year, which opens at ten: no trade).

    geoul data sample datasets/minutes --interval 1m --years 1
    geoul backtest --strategy strategies/intraday_momentum.py --data datasets/minutes
"""

from datetime import date, timedelta
from typing import ClassVar

from engine.strategy import Strategy, View


class IntradayMomentum(Strategy):
    """One instrument, one-minute bars."""

    features: ClassVar = {"from_last_close": "returns(30)"}  # at the 30th bar of a session, with the night
    rise = 0.003  # below it the costs eat the idea

    def __init__(self) -> None:
        self.session, self.rose = date.min, False

    def on_bar(self, view: View) -> None:
        if view.session != self.session:
            self.session, self.opened_at = view.session, view.now - timedelta(minutes=1)
        minute = (view.now - self.opened_at) // timedelta(minutes=1)  # since the open: on exam days that is at ten
        if minute <= 30:
            self.rose = view["from_last_close"] > self.rise
        elif 360 <= minute < 375 and self.rose:
            self.rose = False
            view.buy(weight=0.5)
        elif minute >= 375:
            view.sell()
