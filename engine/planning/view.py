"""How a model sees the market: plainly, or through a mask."""

from __future__ import annotations

from typing import Any, Protocol


class ContextView(Protocol):
    """Stands between the real market and a model, in both directions.

    Args:
        plain: whether prices, shares and money are shown as they are. Otherwise the model answers in weights of the
            account and in ratios to the previous close, and the planner turns these into shares and ticks.
    """

    plain: bool

    def show(self, context: dict[str, Any]) -> dict[str, Any]:
        """A context, or the rules (`engine.planning.context`), as the model may see it; the original stays as it is."""
        ...

    def read(self, answer: dict[str, Any]) -> dict[str, Any]:
        """An answer that fits the schema, with real tickers, rule ids and texts again."""
        ...


class PlainView:
    """Nothing is hidden."""

    plain = True

    def show(self, context: dict[str, Any]) -> dict[str, Any]:
        """The context itself."""
        return context

    def read(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer itself."""
        return answer


PLAIN = PlainView()
