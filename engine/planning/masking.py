"""A masked world for a model: it sees no name, no date, no price and no sum, and trades in weights and ratios.

Prices become ratios to the previous close of their name, money a share of the account, the index a ratio to its own
20-day mean, market value and volume tenths of the market, tickers aliases, dates other dates. Numbers of shares are
left out: the weight says it. Nothing that the mask does not know gets through: a field without a kind is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from engine.errors import BadInput
from engine.operating.state import label
from engine.planning.aliases import Aliases
from engine.planning.context import Context, quoted_name
from engine.planning.date_shift import DateShift
from engine.planning.deciles import Deciles
from engine.planning.hidden_numbers import hidden_numbers
from engine.planning.masked_slice import MaskedSlice, kind_of
from engine.planning.names_in_text import NamesInText
from engine.planning.text_mask import TextMask

NO_ALIAS = "no alias"
"""What stands for a ticker that a model wrote without having seen it; no instrument is called so."""

_SUM = re.compile(r"\b(?:value|market_cap|equity)\b")


class Mask:
    """A `ContextView` for one run. The same seed and universe give the same mask.

    Args:
        names: of all instruments that the run can show, by ticker.
        seed: of the run.
        deciles: compares sizes within a slice; without it sizes are left out.
    """

    plain = False

    def __init__(self, names: Mapping[str, str], seed: int, deciles: Deciles | None = None) -> None:
        self.aliases, self.dates = Aliases(names, seed), DateShift(seed)
        self.names = NamesInText(names)
        # A name stands in a prompt as `quoted_name` leaves it, so texts are shown again in that form.
        self._labels = {ticker: label(quoted_name(name), ticker) for ticker, name in names.items()}
        self.texts = TextMask(self.names, self.aliases, self.dates, self._labels)
        self._deciles = deciles
        self._rule_ids: dict[str, str] = {}
        self._expressions: dict[str, tuple[str, bool]] = {}  # a rule compares the same in every prompt
        self._shown_ids: dict[str, str] = {}
        self._shown: Context = {}
        self._hidden: frozenset[str] | None = frozenset()

    def show(self, context: Context) -> Context:
        """The context, or the rules, behind the mask.

        Raises:
            BadInput: a field of unknown kind, or a ticker of another universe.
        """
        if "portfolio" not in context:
            return {name: self._rules(name, value) for name, value in context.items()}
        slice_ = MaskedSlice(self, context)
        shown: Context = {
            name: value if name == "cut" else slice_.hide(name, value, {}) for name, value in context.items()
        }
        self._shown, self._hidden = context, None
        return shown

    @property
    def hidden(self) -> frozenset[str]:
        """Numbers of four digits or more that the last context held and its masked form must not."""
        if self._hidden is None:  # few prompts hold a number that has to be looked up
            self._hidden = hidden_numbers(self._shown)
        return self._hidden

    def read(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with tickers, rule ids and texts as they really are; weights and ratios stay.

        A ticker that is no alias of this run becomes `NO_ALIAS`, a real one too: the model was not shown it.
        """
        read: dict[str, Any] = self._read("", answer)
        return read

    def hide_answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The other way round: an answer about real names as the masked model would have written it."""
        hidden: dict[str, Any] = self._hide_answer("", answer)
        return hidden

    def hide_rule_id(self, rule_id: str) -> str:
        """The id as the model sees it: changed only where it tells a name, a date or a level."""
        if rule_id not in self._shown_ids:
            tells = any(self.texts.hide(words) != words for words in (rule_id, re.sub("[-_]", " ", rule_id)))
            shown = self._coined(rule_id) if tells else rule_id
            self._shown_ids[rule_id], self._rule_ids[shown] = shown, rule_id
        return self._shown_ids[rule_id]

    def _coined(self, rule_id: str) -> str:
        return "rule-" + Aliases([rule_id], self.dates.weeks).of(rule_id)[2:].lower()

    def _rules(self, name: str, value: Any) -> Any:
        """The rules and principles: no leaf of them belongs to one instrument."""
        if isinstance(value, Mapping):
            return {key: self._rules(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._rules(name, item) for item in value]
        return self.leaf(name, value)

    def leaf(self, name: str, value: Any) -> Any:
        """One value whose kind alone says how it is shown."""
        match kind_of(name):
            case "ticker":
                return self.aliases.of(str(value))
            case "rule_id":
                return self.hide_rule_id(str(value))
            case "expression":
                return self.texts.hide_expression(str(value))
            case "text":
                return self.texts.hide(str(value))
            case "plain" | "ratio" | "clock":
                return value
            case kind:
                raise BadInput(f"The field {name!r} of the context is a {kind} and has no place among the rules.")

    def expression(self, what: str) -> tuple[str, bool]:
        """What a rule compares as the model sees it, and whether that is a sum of money, not a price."""
        if what not in self._expressions:
            self._expressions[what] = self.leaf("what", what), _SUM.search(what) is not None
        return self._expressions[what]

    def tenths(self, kind: str, moment: datetime) -> Sequence[float]:
        """Borders of the tenths of the market; empty where nothing is known."""
        return () if self._deciles is None else self._deciles.borders(kind, moment)

    def day(self, real: date) -> date:
        """The masked day."""
        return self.dates.ahead(real)

    def _read(self, name: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._read(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._read(name, item) for item in value]
        if not isinstance(value, str):
            return value
        if name == "ticker":
            return self.aliases.ticker(value) if self.aliases.knows(value) else NO_ALIAS
        if name in ("rule_ids", "rule_id"):
            return self._rule_ids.get(value, value)
        return self.texts.show(value)

    def _hide_answer(self, name: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._hide_answer(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._hide_answer(name, item) for item in value]
        if not isinstance(value, str):
            return value
        if name == "ticker":
            return self.aliases.of(value)
        return self.hide_rule_id(value) if name in ("rule_ids", "rule_id") else self.texts.hide(value)
