"""A holding: shares and what they cost. The average price is only for display."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.errors import BadInput, BrokenInvariant
from engine.fill import Fill
from engine.order import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Shares of one ticker.

    Args:
        ticker: KRX short code.
        quantity: shares; 0 is flat.
        cost: won paid for them, without fees.
    """

    ticker: str
    quantity: int = 0
    cost: int = 0

    def __post_init__(self) -> None:
        if self.quantity < 0 or self.cost < 0 or (self.quantity == 0 and self.cost != 0):
            raise BrokenInvariant(
                f"{self.ticker}: a position of {self.quantity:,} shares that cost {self.cost:,} won cannot "
                f"be. There is no short selling, and a flat position costs nothing."
            )

    @property
    def average_price(self) -> float | None:
        """Won per share, for display; None when flat."""
        return self.cost / self.quantity if self.quantity else None

    def profit(self, price: int) -> int:
        """Unrealised won at `price`, without costs."""
        return self.quantity * price - self.cost

    def pnl(self, price: int) -> float | None:
        """(value − cost) / cost, so that exactly 15 % is 0.15; None when flat or free of cost."""
        return self.profit(price) / self.cost if self.cost else None


def apply_fill(position: Position, fill: Fill) -> tuple[Position, int]:
    """The position after `fill`, and the won of profit it realised (before costs).

    A sell takes its share of the cost, rounded down to the won; the last share takes what is left, so
    nothing is lost.
    """
    if fill.ticker != position.ticker:
        raise BrokenInvariant(f"Fill {fill.key} of {fill.ticker} was applied to the position in {position.ticker}.")
    if fill.side is Side.BUY:
        bought = replace(position, quantity=position.quantity + fill.quantity, cost=position.cost + fill.amount)
        return bought, 0
    if fill.quantity > position.quantity:
        raise BrokenInvariant(
            f"Fill {fill.key} sells {fill.quantity:,} shares of {fill.ticker}, but only "
            f"{position.quantity:,} are held. A fill is missing or was booked twice: reconcile with the broker."
        )
    removed = position.cost * fill.quantity // position.quantity
    left = replace(position, quantity=position.quantity - fill.quantity, cost=position.cost - removed)
    return left, fill.amount - removed


def apply_ratio(position: Position, numerator: int, denominator: int, fraction_price: int) -> tuple[Position, int, int]:
    """The position after a split, merger or bonus issue: old × numerator / denominator shares.

    Args:
        position: what was held the evening before.
        numerator: new shares …
        denominator: … for so many old ones.
        fraction_price: won per new share at which fractions are paid out.

    Returns:
        the new position, the cash paid for the fraction of a share (won, rounded down), and the profit
        realised by it.
    """
    if numerator <= 0 or denominator <= 0 or fraction_price < 0:
        raise BadInput(
            f"{position.ticker}: a ratio of {numerator}:{denominator} with fractions paid at "
            f"{fraction_price} won is impossible. Both parts must be positive."
        )
    exact = position.quantity * numerator
    quantity, rest = divmod(exact, denominator)
    cash = rest * fraction_price // denominator
    removed = position.cost * rest // exact if quantity else position.cost
    return replace(position, quantity=quantity, cost=position.cost - removed), cash, cash - removed
