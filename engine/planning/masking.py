"""A masked world for a model: it sees no name, no date, no price and no sum, and trades in weights and ratios.

Prices become ratios to the previous close of their name, money a share of the account, the index a ratio to its own
20-day mean, market value and volume tenths of the market, tickers aliases, dates other dates. Numbers of shares are
left out: the weight says it. Nothing that the mask does not know gets through: a field without a kind is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from engine.clock import KST
from engine.errors import BadInput
from engine.operating.state import label
from engine.planning.aliases import Aliases
from engine.planning.context import FIELDS, RATIO_DECIMALS, Context, quoted_name
from engine.planning.date_shift import DateShift
from engine.planning.deciles import Deciles
from engine.planning.names_in_text import NamesInText
from engine.planning.text_mask import TextMask

NO_ALIAS = "no alias"
"""What stands for a ticker that a model wrote without having seen it; no instrument is called so."""

_SUM = re.compile(r"\b(?:value|market_cap|equity)\b")
_STEMS = {name: name.removesuffix("_won") for name in FIELDS}


HIDDEN = frozenset({"price", "money", "volume", "market_cap", "index", "shares"})
"""Kinds whose numbers a masked prompt must not hold."""


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
        self.hidden: frozenset[str] = frozenset()
        """Numbers of four digits or more that the last context held and its masked form must not."""

    def show(self, context: Context) -> Context:
        """The context, or the rules, behind the mask.

        Raises:
            BadInput: a field of unknown kind, or a ticker of another universe.
        """
        if "portfolio" not in context:
            return {name: self._rules(name, value) for name, value in context.items()}
        slice_ = _Slice(self, context)
        shown: Context = {
            name: value if name == "cut" else slice_.hide(name, value, {}) for name, value in context.items()
        }
        counts = {plain_number(count) for count in context.get("cut", {}).values()}
        told = set(map(plain_number, slice_.told))
        self.hidden = frozenset(set(map(plain_number, slice_.hidden)) - told - counts)
        return shown

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

    def tenth(self, kind: str, value: float, moment: datetime) -> int | None:
        """The tenth of the market in which a size lies."""
        return None if self._deciles is None else self._deciles.of(kind, value, moment)

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


class _Slice:
    """Hides the context of one decision: what a price or a sum is compared with stands in the context itself."""

    def __init__(self, mask: Mask, context: Context) -> None:
        self._mask = mask
        when, portfolio, index = context["time"], context["portfolio"], context["market"]["index"]
        day = date.fromisoformat(when["date"])
        self._moment = datetime.combine(day, time.fromisoformat(when["clock"]), tzinfo=KST)
        self._total = portfolio["total_won"]
        self._index, self._level, self._mean = index["code"], index["level"], index["mean_20"]
        self.hidden: set[float] = set()
        self.told: set[float] = set()
        """Large numbers that may be told, such as 1,250 times the volume: a price of 1,250 won is no leak then."""

    def hide(self, name: str, value: Any, beside: Mapping[str, Any]) -> Any:
        """A part of the context; `beside` is the entry of the instrument to which it belongs."""
        if isinstance(value, list):
            return [self.hide(name, item, beside) for item in value]
        if not isinstance(value, dict):  # not Mapping: asking for that takes longer than all the rest of a leaf
            return self._mask.leaf(name, value)
        if "ticker" in value:
            beside = value
        if "what" in value:
            return self._figure(value, beside)
        shown: Context = {}
        for key, item in value.items():
            kind = FIELDS.get(key)
            if kind == "ratio":  # half of all leaves, told as they are
                self._remember(item, self.told)
                shown[key] = item
            elif isinstance(item, (dict, list)):
                shown[key] = self.hide(key, item, beside)
            elif kind == "plain":
                self._remember(item, self.told)
                shown[key] = item
            else:
                self._leaf(key, item, value, beside, shown)
        return shown

    def _leaf(self, name: str, value: Any, entry: Mapping[str, Any], beside: Mapping[str, Any], shown: Context) -> None:
        """Put the field under its new name into `shown`, or nothing where what stays says enough."""
        kind = kind_of(name)
        if kind in HIDDEN:
            self._remember(value, self.hidden)
        stem = _STEMS[name]
        match kind:
            case "price":
                # The previous close is what everything is compared with; without it the change rate says the same.
                if stem != "previous_close" and "previous_close_won" in beside:
                    shown[f"{stem}_ratio"] = _ratio(value, beside["previous_close_won"])
            case "volume" | "market_cap":
                tenth = None if value is None else self._mask.tenth(kind, value, self._moment)
                shown[f"{stem}_decile"] = tenth
            case "shares" | "name":
                pass
            case "money":
                if stem not in ("total", "value"):  # 1, and the weight
                    shown[f"{stem}_share"] = self._part_of_total(stem, value)
            case "index":
                if name != "mean_20":
                    shown[f"{name}_to_mean_20"] = _ratio(value, self._mean)
            case "count":
                if name != "advancers":
                    shown[f"{stem.removesuffix('s')}_share"] = self._share(value, entry)
            case "date":
                shown[name] = self._mask.dates.ahead(date.fromisoformat(value)).isoformat()
            case _:
                self._remember(value, self.told)
                shown[name] = None if value is None else self._mask.leaf(name, value)

    def _part_of_total(self, stem: str, value: Any) -> float | int | None:
        share = _ratio(value, self._total)
        if stem == "max_order" and share is not None:
            share = min(share, 1)  # a limit beyond the account would tell its size
        return share

    @staticmethod
    def _share(value: Any, entry: Mapping[str, Any]) -> float | int | None:
        counts = [entry.get(name) for name in ("advancers", "decliners", "unchanged")]
        return None if value is None or None in counts else _ratio(value, sum(counts))

    def _figure(self, entry: Mapping[str, Any], beside: Mapping[str, Any]) -> Context:
        """What a rule compared: prices and index levels as ratios; sums and shares are not told."""
        value, unit = entry["value"], entry["unit"]
        source = str(entry["what"])
        what, is_sum = self._mask.expression(source)
        if unit == "won":
            self._remember(value, self.hidden)
            told = None if is_sum else _ratio(value, beside.get("previous_close_won"))
            return {"what": what, "value": told, "unit": "ratio to previous close"}
        if unit == "index points":
            self._remember(value, self.hidden)
            told = _ratio(value, self._level) if f'"{self._index}"' in source else None
            return {"what": what, "value": told, "unit": "ratio to index level"}
        if unit == "shares":
            self._remember(value, self.hidden)
            return {"what": what, "value": None, "unit": "hidden"}
        self._remember(value, self.told)
        return {"what": what, "value": value, "unit": unit}

    def _remember(self, value: Any, numbers: set[float]) -> None:
        if isinstance(value, (int, float)) and (value >= 1_000 or value <= -1_000):
            numbers.add(abs(value))


def kind_of(name: str) -> str:
    """The kind of a field.

    Raises:
        BadInput: nobody said what it is, so it cannot be shown.
    """
    try:
        return FIELDS[name]
    except KeyError:
        raise BadInput(
            f"The context has a field {name!r} that no mask knows. Say in `engine.planning.context.FIELDS` what it is."
        ) from None


def plain_number(value: float) -> str:
    """A number as it may stand in a text, without separators.

    >>> plain_number(70_100.0), plain_number(2650.12)
    ('70100', '2650.12')
    """
    whole = int(value)
    return str(whole) if value == whole else repr(round(value, RATIO_DECIMALS))


def _ratio(value: Any, base: Any) -> float | int | None:
    """Rounded to the decimals of all ratios; None where one of the two is unknown."""
    if value is None or not base:
        return None
    ratio = round(value / base, RATIO_DECIMALS)
    whole = int(ratio)
    return whole if ratio == whole else ratio
