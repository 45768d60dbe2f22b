"""The messages of a question: instructions, form and rules first, the data of the decision last.

What stays the same from decision to decision stands in the first message, so that a provider can keep it in its cache.
The data is one JSON document; text from the market occurs in it as JSON strings only. The size is bounded: what does
not fit is cut from the ends of the lists, and the document says how much.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import engine
from engine.errors import BadInput, ConfigError
from engine.ledger.canonical import dump_plain
from engine.model.request import Message
from engine.operating.state import Situation
from engine.planning.context import Context, build_context, offered, rules_context
from engine.planning.schema import answer_schema
from engine.planning.view import PLAIN, ContextView
from engine.reports.language import Lang
from engine.rules.sections import parse_prompt
from engine.rules.tree import RuleSet

MOST_BYTES = 64_000  # about 20,000 tokens of Korean text and figures
LEAST_BYTES_OF_DATA = 4_000
LONGEST_QUOTED_ANSWER = 8_000
# Shortened in this order, from the end; the signals, among which the model chooses, come last.
CUTTABLE = ("risks", "opportunities", "holdings", "signals")
FILES = {
    "system": {"ko": "planner_system.md", "en": "planner_system.en.md"},
    "repair": {"ko": "planner_repair.md", "en": "planner_repair.en.md"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The prompt files of the planner, as they are on disk."""

    system: str
    repair: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, ready to be asked.

    Args:
        messages: in order.
        context: the data as it is shown, behind the mask if there is one.
        cut: list -> entries that were left out.
    """

    messages: tuple[Message, ...]
    context: Context
    cut: Mapping[str, int]


def read_texts(lang: Lang, folder: Path | None = None) -> Texts:
    """The prompt files of a language.

    Args:
        lang: of the files.
        folder: that holds them; None looks for each in `prompts/` of the present folder, then in that of Geoul.

    Raises:
        ConfigError: a file is missing, cannot be read, or lacks the place for what belongs into it.
    """
    system = _read(FILES["system"][lang], folder)
    repair = _read(FILES["repair"][lang], folder)
    for text, marks, name in (
        (system, ("{{schema}}", "{{rules}}"), FILES["system"][lang]),
        (repair, ("{{errors}}",), FILES["repair"][lang]),
    ):
        missing = [mark for mark in marks if mark not in text]
        if missing:
            raise ConfigError(f"The prompt {name} has no {' and no '.join(missing)}. Put it where the text belongs.")
    return Texts(system=system, repair=repair)


def principles_of(prompt_text: str) -> str:
    """What a decision prompt says outside its rules: the role and the principles of its owner."""
    sections = parse_prompt(prompt_text).sections
    text = "".join(
        line.raw
        for section in sections
        if not section.is_rules
        for line in (*((section.heading,) if section.heading else ()), *section.lines)
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip()


class PlannerPrompt:
    """Builds the questions of one planner.

    Args:
        rules: in force.
        principles: in the words of the prompt's owner, "" for none.
        texts: the prompt files.
        view: how the model sees the market.
        most_bytes: of all messages of a first question together, in UTF-8.

    Raises:
        BadInput: rules and instructions alone leave no room for the data.
    """

    def __init__(
        self,
        rules: RuleSet,
        principles: str,
        texts: Texts,
        view: ContextView = PLAIN,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.schema = answer_schema(plain=view.plain)
        self.view, self._texts = view, texts
        self.rules = view.show(rules_context(rules, principles))
        self.rule_ids = frozenset(rule["id"] for rule in self.rules["rules"])
        self.system = Message(role="system", content=self._system(texts.system))
        self._room = most_bytes - len(self.system.content.encode())
        if self._room < LEAST_BYTES_OF_DATA:
            raise BadInput(
                f"Instructions and rules take {most_bytes - self._room:,} of {most_bytes:,} bytes of the prompt and "
                f"leave less than {LEAST_BYTES_OF_DATA:,} for the data. Shorten the rules or allow a longer prompt."
            )

    def question(self, situation: Situation) -> Question:
        """The question of one decision.

        Raises:
            BadInput: even with its lists emptied the data does not fit.
        """
        cut: dict[str, int] = {}
        while True:
            context = self.view.show(build_context(situation, cut))
            text = dump_plain(context)
            if len(text) <= self._room and len(text.encode()) <= self._room:
                messages = (self.system, Message(role="user", content=text))
                return Question(messages=messages, context=context, cut=cut)
            sizes = _Sizes(context, len(text.encode()))
            while True:
                self._cut_more(situation, cut)
                if sizes.without(cut) <= self._room:
                    break

    def repair(self, question: Question, answer: str, errors: list[str]) -> tuple[Message, ...]:
        """The same question with an answer that cannot be used and what is wrong with it."""
        listed = "\n".join(f"- {error}" for error in errors)
        return (
            *question.messages,
            Message(role="assistant", content=answer[:LONGEST_QUOTED_ANSWER] or "(empty)"),
            Message(role="user", content=self._texts.repair.replace("{{errors}}", listed)),
        )

    def _cut_more(self, situation: Situation, cut: dict[str, int]) -> None:
        """Halve the first list that has entries left."""
        analysis = situation.analysis
        lengths = {
            "risks": len(analysis.risks),
            "opportunities": len(analysis.opportunities),
            "holdings": len(situation.diagnosis.holdings),
            "signals": len(offered(situation)),
        }
        for name in CUTTABLE:
            left = lengths[name] - cut.get(name, 0)
            if left:
                cut[name] = lengths[name] - left // 2
                return
        raise BadInput(
            f"The data of the decision does not fit into {self._room:,} bytes even without its lists. "
            "Allow a longer prompt."
        )

    def _system(self, text: str) -> str:
        """The first message: the file with form and rules in their places, in one pass over the file's own text."""
        plain = self.view.plain
        rules = dict(self.rules)
        principles = rules.pop("principles")
        parts = {
            "schema": json.dumps(self.schema, ensure_ascii=False, indent=1),
            "rules": f"{principles}\n\n{json.dumps(rules, ensure_ascii=False, indent=1)}".strip(),
        }

        def fill(found: re.Match[str]) -> str:
            name, _, words = found.group(1).partition(":")
            if name in ("plain", "masked"):
                return words if plain == (name == "plain") else ""
            return parts.get(name, found.group(0))

        return re.sub(r"\{\{(.*?)\}\}", fill, text)


class _Sizes:
    """How long the document of a shown context is when its lists end earlier.

    An entry reads the same whatever is cut elsewhere, so each has to be written only once.

    Args:
        context: as it is shown.
        size: of its document, in bytes.
    """

    def __init__(self, context: Context, size: int) -> None:
        self._size, self._cut = size, context["cut"]
        portfolio, market = context["portfolio"], context["market"]
        lists = {
            "risks": market["risks"],
            "opportunities": market["opportunities"],
            "holdings": portfolio["holdings"],
            "signals": context["signals"],
        }
        self._entries = {name: [_bytes_of(entry) for entry in entries] for name, entries in lists.items()}

    def without(self, cut: Mapping[str, int]) -> int:
        """Bytes with so many entries left out of each list, those included that are left out already."""
        size = self._size + _bytes_of(dict(cut)) - _bytes_of(self._cut)
        for name, count in cut.items():
            entries = self._entries[name]
            gone = entries[len(entries) - (count - self._cut.get(name, 0)) :]
            commas = len(gone) if len(gone) < len(entries) else max(len(gone) - 1, 0)
            size -= sum(gone) + commas
        return size


def _bytes_of(value: Context) -> int:
    return len(dump_plain(value).encode())


def _read(name: str, folder: Path | None) -> str:
    shipped = Path(engine.__path__[0]).parent / "prompts"
    places = [folder] if folder is not None else [Path("prompts"), shipped]
    for place in places:
        try:
            return (place / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"The prompt {place / name} cannot be read: {error}.") from None
    looked = " and ".join(str(place) for place in places)
    raise ConfigError(f"The prompt {name} is missing in {looked}. It comes with Geoul: put it back.")


def size_of(messages: tuple[Message, ...]) -> int:
    """Bytes of all messages together."""
    return sum(len(message.content.encode()) for message in messages)
