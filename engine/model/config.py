"""Which model is asked, where, how, and for how much: read from a YAML section and the environment."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from engine.config import load_config
from engine.errors import ConfigError
from engine.model.request import Message, ModelRequest, Stage

OPENAI_URL = "https://api.openai.com/v1"
DEFAULT_FILE = Path("geoul.yaml")
FILE_VARIABLE = "GEOUL_MODEL_CONFIG"
_PREFIX = "GEOUL_MODEL_"
_SECTION = "model"


class Caps(BaseModel):
    """Most that may be spent; None = no cap of that kind. A day is one in Seoul, a week begins on Monday.

    Args:
        run_won: in one run of a program. Won, like the next two.
        day_won: in a day, over all runs that share the ledger.
        week_won: in a week, over all runs that share the ledger.
        run_tokens: tokens in and out together, like the next two.
        day_tokens: in a day.
        week_tokens: in a week.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_won: int | None = Field(default=10_000, ge=0)
    day_won: int | None = Field(default=10_000, ge=0)
    week_won: int | None = Field(default=30_000, ge=0)
    run_tokens: int | None = Field(default=None, ge=0)
    day_tokens: int | None = Field(default=None, ge=0)
    week_tokens: int | None = Field(default=None, ge=0)


class OwnPrice(BaseModel):
    """A price that the user knows, per million tokens.

    Args:
        input: of the question.
        cached_input: of what the provider had in its cache; None = as `input`.
        cache_write: of what it puts there; None = as `input`.
        output: of the answer, thinking included.
        currency: of all four.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal = Field(ge=0)
    cached_input: Decimal | None = Field(default=None, ge=0)
    cache_write: Decimal | None = Field(default=None, ge=0)
    output: Decimal = Field(ge=0)
    currency: Literal["USD", "KRW"] = "USD"


FREE = OwnPrice(input=Decimal(0), output=Decimal(0), currency="KRW")


class ModelConfig(BaseModel):
    """One model and how it is asked.

    Args:
        provider: name of the endpoint's owner; part of the key of every answer.
        model: as the provider calls it.
        base_url: address of the endpoint; that of OpenAI by default, a local server's for vLLM or Ollama.
        api_key: secret; None for a server that wants none.
        api: which endpoint is spoken.
        structured: how the answer is bound to its schema: the server enforces it, the server promises JSON, or the
            schema stands in the prompt only. Every answer is checked here as well.
        token_limit: name of the limit in chat completions; "" = max_completion_tokens at OpenAI, max_tokens elsewhere.
        temperature: None leaves it to the provider; thinking models take none.
        top_p: None leaves it to the provider.
        seed: None leaves it to the provider; chat completions only.
        effort: how long a thinking model thinks, "" leaves it to the provider.
        max_output_tokens: most tokens of an answer, thinking included.
        timeout_seconds: for one attempt.
        total_seconds: for all attempts and the waits between them.
        attempts: how often the same question is sent before it counts as unanswered.
        max_answer_bytes: a longer answer is cut off and refused.
        caps: most that may be spent.
        price: of the model, where it is not in the table; `free` for a server of one's own.
        krw_per_usd: won per dollar, for prices in dollars.
        knowledge_cutoff: last day the model may have read about; results before it are no evidence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str = Field(default="openai", min_length=1, max_length=60)
    model: str = Field(min_length=1, max_length=200)
    base_url: str = OPENAI_URL
    api_key: SecretStr | None = None
    api: Literal["chat", "responses"] = "chat"
    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    token_limit: Literal["", "max_completion_tokens", "max_tokens"] = ""
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    effort: str = Field(default="", pattern=r"^[a-z]*$")
    max_output_tokens: int = Field(default=4_096, ge=1, le=1_000_000)
    timeout_seconds: float = Field(default=120, gt=0, le=3_600)
    total_seconds: float = Field(default=300, gt=0, le=7_200)
    attempts: int = Field(default=4, ge=1, le=20)
    max_answer_bytes: int = Field(default=8_000_000, ge=1_000)
    caps: Caps = Caps()
    price: OwnPrice | None = None
    krw_per_usd: Decimal | None = Field(default=None, gt=0)
    knowledge_cutoff: date | None = None

    @field_validator("price", mode="before")
    @classmethod
    def _free(cls, value: object) -> object:
        return FREE if value == "free" else value

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("give an address such as https://api.openai.com/v1 or http://127.0.0.1:11434/v1")
        if parts.username or parts.password or parts.query:
            raise ValueError("an address holds no password and no query; name the key's variable in api_key_env")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _fits_together(self) -> ModelConfig:
        if self.api == "responses" and self.seed is not None:
            raise ValueError("seed: the responses endpoint takes none; leave it out or use api: chat")
        if self.api_key is not None and not self.is_private and self.base_url.startswith("http:"):
            raise ValueError("base_url: the key would cross the network unencrypted; use https")
        return self

    @property
    def is_openai(self) -> bool:
        """Whether the address is that of OpenAI."""
        return urlsplit(self.base_url).hostname == "api.openai.com"

    @property
    def is_private(self) -> bool:
        """Whether the address is this machine's or one of its own network."""
        return _is_private(urlsplit(self.base_url).hostname or "")

    @property
    def is_loopback(self) -> bool:
        """Whether the address is this machine's."""
        return (urlsplit(self.base_url).hostname or "") in ("localhost", "127.0.0.1", "::1")

    def secrets(self) -> tuple[str, ...]:
        """Every value that must be masked wherever it appears."""
        return (self.api_key.get_secret_value(),) if self.api_key is not None else ()

    def request(
        self,
        messages: Sequence[Message],
        *,
        schema_name: str = "",
        schema: Mapping[str, Any] | None = None,
        purpose: str = "",
        stage: Stage = "first",
        sample: int = 0,
    ) -> ModelRequest:
        """A question to this model with its settings."""
        return ModelRequest(
            provider=self.provider,
            model=self.model,
            messages=tuple(messages),
            schema_name=schema_name,
            schema=schema,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            max_output_tokens=self.max_output_tokens,
            effort=self.effort,
            sample=sample,
            stage=stage,
            purpose=purpose,
        )


def load_model_config(path: Path | None, variables: Mapping[str, str]) -> ModelConfig:
    """The configuration of the model.

    Args:
        path: a YAML file with a section `model`; None = the variable GEOUL_MODEL_CONFIG, else geoul.yaml of this
            folder if it is there.
        variables: the environment; `GEOUL_MODEL` names the model, `GEOUL_MODEL_BASE_URL` and so on win over the file.

    Raises:
        ConfigError: a value is missing or impossible; it names the key, never a secret.
    """
    named = path or (Path(variables[FILE_VARIABLE]) if variables.get(FILE_VARIABLE) else None)
    file = named or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    where = str(file) if file else "the environment"
    values = _section(load_config(file), where) if file else {}
    values |= _from_environment(variables)
    if not values.get("model"):
        raise ConfigError(
            f"No model is configured in {where}. Put a section into {DEFAULT_FILE}, such as\n"
            "  model:\n    model: gpt-6-luna\n    krw_per_usd: 1400\n"
            "and the key into OPENAI_API_KEY; or for a local server\n"
            "  model:\n    provider: local\n    model: qwen3\n    base_url: http://127.0.0.1:11434/v1\n    price: free"
        )
    return build_model_config(values, variables, where)


def build_model_config(values: Mapping[str, object], variables: Mapping[str, str], where: str) -> ModelConfig:
    """Validate the values of a section; `api_key_env` or `api_key_file` name where the key is.

    Raises:
        ConfigError: as `load_model_config`.
    """
    given = dict(values)
    if "api_key" in given:
        raise ConfigError(
            f"{where}: api_key does not belong into this file. Put the key into an environment variable and name that "
            f"in api_key_env, or into a file that only you may read and name that in api_key_file."
        )
    key_variable, key_file = given.pop("api_key_env", None), given.pop("api_key_file", None)
    given["api_key"] = _key(key_variable, key_file, str(given.get("base_url", OPENAI_URL)), variables, where)
    problems: list[str] = []
    try:
        return ModelConfig.model_validate(given)
    except ValidationError as error:
        problems = [_told(dict(problem)) for problem in error.errors()]
    raise ConfigError(f"{where}: impossible configuration of the model:\n  " + "\n  ".join(problems))


def _section(content: dict[str, object], where: str) -> dict[str, object]:
    section = content.get(_SECTION)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise ConfigError(f"{where}: the section `{_SECTION}` must hold keys, such as `model: gpt-6-luna`, indented.")
    return {str(key): value for key, value in section.items()}


def _from_environment(variables: Mapping[str, str]) -> dict[str, object]:
    keys = {name.upper(): name for name in ModelConfig.model_fields if name not in ("api_key", "caps", "price")}
    keys |= {"API_KEY_ENV": "api_key_env", "API_KEY_FILE": "api_key_file", "CONFIG": ""}
    found: dict[str, object] = {}
    for variable, value in variables.items():
        if not variable.startswith(_PREFIX):
            continue
        key = keys.get(variable.removeprefix(_PREFIX))
        if key is None:
            raise ConfigError(f"The variable {variable} means nothing. Known are {_PREFIX} and {', '.join(keys)}.")
        if key:
            found[key] = value
    if variables.get("GEOUL_MODEL"):
        found["model"] = variables["GEOUL_MODEL"]
    return found


def _key(variable: object, file: object, base_url: str, variables: Mapping[str, str], where: str) -> SecretStr | None:
    """The key. That of OpenAI is never sent to somebody else because nothing else was said."""
    if variable is not None and file is not None:
        raise ConfigError(f"{where}: give api_key_env or api_key_file, not both.")
    if file is not None:
        try:
            text = Path(str(file)).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{where}: the key file {file} cannot be read ({type(error).__name__}).") from None
        if not text:
            raise ConfigError(f"{where}: the key file {file} is empty.")
        return SecretStr(text)
    if variable is not None:
        if not variables.get(str(variable), "").strip():
            raise ConfigError(f"{where}: the variable {variable} that api_key_env names is not set.")
        return SecretStr(variables[str(variable)].strip())
    usual = variables.get("OPENAI_API_KEY", "").strip()
    return SecretStr(usual) if usual and urlsplit(base_url).hostname == "api.openai.com" else None


def _told(problem: dict[str, Any]) -> str:
    place = problem["loc"]
    name = ".".join(str(part) for part in place) or "model"
    if problem["type"] == "extra_forbidden":
        keys = [*ModelConfig.model_fields, "api_key_env", "api_key_file"] if len(place) == 1 else [*Caps.model_fields]
        near = difflib.get_close_matches(str(place[-1]), keys, n=1)
        return f"{name}: there is no such key" + (f"; did you mean {near[0]}?" if near else "")
    if name == "model" and problem["type"] == "value_error":
        return str(problem["msg"]).removeprefix("Value error, ")
    # An address can hold a password, and whatever is called a key may be one.
    hidden = isinstance(problem["input"], dict) or "key" in name or name == "base_url"
    shown = "" if hidden else f" = {problem['input']!r}"
    return f"{name}{shown}: {str(problem['msg']).removeprefix('Value error, ')}"


def _is_private(host: str) -> bool:
    if host == "localhost" or ("." not in host and ":" not in host):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.endswith((".local", ".internal", ".lan"))
    return address.is_private or address.is_loopback
