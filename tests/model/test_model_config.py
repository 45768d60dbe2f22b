"""The configuration of the model: from a file and the environment, with errors that name the key and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.model.config import OPENAI_URL, load_model_config
from engine.model.request import Message

SECRET = "sk-very-secret-0123456789"


def write(folder: Path, text: str) -> Path:
    file = folder / "geoul.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_section_of_a_file(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "cash_won: 1\nmodel:\n  model: gpt-6-luna\n  krw_per_usd: 1400\n  caps: {day_won: 500}\n"
        "  price: {input: 0.1, output: 0.5}\n  knowledge_cutoff: 2026-05-18\n",
    )
    config = load_model_config(file, {"OPENAI_API_KEY": SECRET})
    assert (config.provider, config.base_url, config.caps.day_won) == ("openai", OPENAI_URL, 500)
    assert config.secrets() == (SECRET,)
    assert config.caps.week_won is not None
    assert config.price is not None and str(config.price.input) == "0.1"


def test_the_environment_wins_and_can_do_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    variables = {"GEOUL_MODEL": "qwen3", "GEOUL_MODEL_BASE_URL": "http://127.0.0.1:11434/v1/", "GEOUL_MODEL_SEED": "7"}
    config = load_model_config(None, variables)
    assert (config.model, config.base_url, config.seed) == ("qwen3", "http://127.0.0.1:11434/v1", 7)
    file = write(tmp_path, "model: {model: other, seed: 1, temperature: 0.5}")
    for path, more in ((file, {}), (None, {}), (None, {"GEOUL_MODEL_CONFIG": str(file)})):
        config = load_model_config(path, variables | more)
        assert (config.model, config.seed, config.temperature) == ("qwen3", 7, 0.5)


def test_the_key_comes_from_a_named_variable_or_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    named = write(tmp_path, "model: {model: m, base_url: 'https://example.com/v1', api_key_env: MINE}")
    assert load_model_config(named, {"MINE": SECRET}).secrets() == (SECRET,)
    with pytest.raises(ConfigError, match="MINE that api_key_env names is not set"):
        load_model_config(named, {})
    held = write(tmp_path, f"model: {{model: m, api_key_file: '{tmp_path / 'key'}'}}")
    assert load_model_config(held, {}).secrets() == (SECRET,)


def test_the_key_of_openai_is_not_sent_elsewhere_unasked(tmp_path: Path) -> None:
    file = write(tmp_path, "model: {model: m, base_url: 'http://127.0.0.1:8000/v1'}")
    assert load_model_config(file, {"OPENAI_API_KEY": SECRET}).api_key is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "No model is configured"),
        ("model: small", "must hold keys"),
        (f"model: {{model: m, api_key: {SECRET}}}", "api_key does not belong"),
        (f"model: {{model: m, apikey: {SECRET}}}", "apikey: there is no such key"),
        ("model: {model: m, temperature_: 1}", "did you mean temperature"),
        ("model: {model: m, temperature: 9}", "temperature = 9"),
        ("model: {model: m, caps: {day: 5}}", "did you mean day_won"),
        ("model: {model: m, base_url: localhost}", "give an address"),
        (f"model: {{model: m, base_url: 'https://me:{SECRET}@example.com/v1'}}", "holds no password"),
        ("model: {model: m, base_url: 'http://example.com/v1', api_key_env: KEY}", "unencrypted"),
        ("model: {model: m, api: responses, seed: 1}", "seed"),
        ("model: {model: m, krw_per_usd: 0}", "krw_per_usd"),
        ("model: {model: m, api_key_file: none.txt}", "cannot be read"),
        ("model: {model: m, api_key_file: a, api_key_env: b}", "not both"),
    ],
)
def test_what_is_wrong_is_named_without_secrets(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as error:
        load_model_config(write(tmp_path, text), {"KEY": SECRET})
    assert SECRET not in str(error.value)


def test_a_variable_that_means_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="GEOUL_MODEL_TEMPERATURE_"):
        load_model_config(write(tmp_path, "model: {model: m}"), {"GEOUL_MODEL_TEMPERATURE_": "1"})


def test_a_question_carries_the_settings_that_decide_its_answer(tmp_path: Path) -> None:
    text = "model: {model: m, temperature: 0.5, seed: 3, effort: low, max_output_tokens: 99}"
    config = load_model_config(write(tmp_path, text), {})
    messages = [Message(role="user", content="hi")]
    request = config.request(messages, purpose="plan")
    assert (request.temperature, request.seed, request.effort, request.max_output_tokens) == (0.5, 3, "low", 99)
    assert request.key == config.request(messages, purpose="something else").key
    assert request.key != config.request(messages, stage="repair").key
    assert request.key != config.model_copy(update={"seed": 4}).request(messages).key
