"""A planner from its parts: rules, prompt files, the market's names and the way to the model."""

from __future__ import annotations

from dataclasses import dataclass

from engine.data.panel import Panel
from engine.errors import BadInput
from engine.model.asking import Asks
from engine.model.cassette import Cassette
from engine.model.config import ModelConfig
from engine.planning.deciles import Deciles
from engine.planning.leak_scan import GuardedAsks
from engine.planning.llm_planner import PURPOSE, LLMPlanner
from engine.planning.masking import Mask
from engine.planning.prompt import MOST_BYTES, PlannerPrompt, principles_of, read_texts
from engine.planning.view import PLAIN
from engine.reports.language import Lang
from engine.rules.tree import RuleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerSetup:
    """How a model plans in a run.

    Args:
        config: the model and how it is asked.
        mask_seed: of the mask that hides names, dates and prices; None shows the market as it is.
        lang: of the prompts and of texts in the record.
        most_bytes: of a first question.
        misses_stop: a question that a cassette has no answer to ends the run.
    """

    config: ModelConfig
    mask_seed: int | None = 0
    lang: Lang = "ko"
    most_bytes: int = MOST_BYTES
    misses_stop: bool = True

    def planner(self, asks: Asks, rules: RuleSet, prompt_text: str, panel: Panel) -> LLMPlanner:
        """The planner of a run.

        Args:
            asks: the way to the model; every question is scanned before it gets there.
            rules: in force.
            prompt_text: the decision prompt they come from; its principles go into the question.
            panel: whose names the mask hides.

        Raises:
            ConfigError: a prompt file is missing or damaged.
            BadInput: the rules leave no room for the data.
        """
        mask = None if self.mask_seed is None else Mask(names_of(panel), self.mask_seed, Deciles(panel))
        prompt = PlannerPrompt(rules, principles_of(prompt_text), read_texts(self.lang), mask or PLAIN, self.most_bytes)
        guarded = GuardedAsks(asks, mask)
        return LLMPlanner(guarded, self.config, prompt, self.lang, misses_stop=self.misses_stop)


def names_of(panel: Panel) -> dict[str, str]:
    """Names of all instruments by ticker; the ticker where the data has none."""
    known = panel.instruments["name"].to_list()
    return {ticker: name or ticker for ticker, name in zip(panel.tickers, known, strict=True)}


def config_of_cassette(cassette: Cassette, purpose: str = PURPOSE) -> ModelConfig:
    """The model and its settings as a cassette recorded them, so that a replay needs no configuration.

    Raises:
        BadInput: the cassette holds no answer of that purpose, or answers of several models or settings.
    """
    settings = cassette.settings_of(purpose)
    if len(settings) != 1:
        found = ", ".join(sorted({str(each["model"]) for each in settings})) or "none"
        raise BadInput(
            f"{cassette.path} holds answers ({purpose}) of {len(settings)} models or settings ({found}), so it does "
            "not tell which to replay. Name the configuration with --model-config."
        )
    return ModelConfig.model_validate({name: value for name, value in settings[0].items() if value is not None})
