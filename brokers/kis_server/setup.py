"""Configuration of the server: accounts with their keys, layouts of the stream, limits, how the days are called."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from brokers.kis.config import ACCOUNT_LENGTH
from brokers.kis.environment import EnvironmentName
from engine.errors import ConfigError

# Source: lengths of H0STCNT0 and H0STCNI0 by date, in `brokers.kis.realtime_fields`. The clients python-kis and mojito
# read the first layout only, the official samples the second, today's wire is the third.
LAYOUTS = {"legacy": (46, 23), "2025": (46, 26), "2026": (47, 26)}


class AccountSetup(BaseModel):
    """One account and the app key that reaches it.

    Args:
        environment: "live" or "paper".
        number: the first eight digits; the product code is always 01.
        app_key, app_secret: as the client sends them; KIS's have 36 and 180 characters.
        hts_id: the key of its notices.
        owner: name in notices.
        cash_won: money on the first day; None = the configuration's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    environment: EnvironmentName
    number: str = Field(pattern=rf"^[0-9]{{{ACCOUNT_LENGTH}}}$")
    app_key: SecretStr
    app_secret: SecretStr
    hts_id: str = "geoul"
    owner: str = "거울"
    cash_won: int | None = Field(default=None, ge=1, le=10**15)


class ServerSetup(BaseModel):
    """Everything that decides what the server says, beside the market and the rules of matching.

    Args:
        accounts: who may come in.
        enrol: an app key that is not listed gets an account of its own at its first call.
        layout: field counts of the stream: legacy 46/23, 2025 46/26, 2026 47/26 (trades/notices).
        order_hours: venue = when KIS takes orders (live from the opening auction on, paper from 09:00); any = always.
        live_calls_per_second, paper_calls_per_second: more are answered with EGW00201; None = no limit.
        token_each_minute: a second token within a minute is refused with EGW00133.
        one_socket: a second socket with one app key is refused with OPSP8996.
        as_today: the first replayed session bears today's date.
        ping_seconds: between two PINGPONG frames, of real time.
        answer_seconds: how long a step waits for the clients that have registered, of real time.
        key: must be the first part of every path; "" = none.
        seed: of what faults draw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    accounts: tuple[AccountSetup, ...] = ()
    enrol: bool = True
    layout: Literal["legacy", "2025", "2026"] = "legacy"
    order_hours: Literal["venue", "any"] = "venue"
    live_calls_per_second: int | None = Field(default=None, ge=1)
    paper_calls_per_second: int | None = Field(default=None, ge=1)
    token_each_minute: bool = False
    one_socket: bool = True
    as_today: bool = False
    ping_seconds: float = Field(default=10.0, gt=0)
    answer_seconds: float = Field(default=30.0, gt=0)
    key: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$")
    seed: int = Field(default=1, ge=0)

    @property
    def trade_fields(self) -> int:
        """Fields of a trade record."""
        return LAYOUTS[self.layout][0]

    @property
    def notice_fields(self) -> int:
        """Fields of a notice."""
        return LAYOUTS[self.layout][1]

    def calls_per_second(self, environment: EnvironmentName) -> int | None:
        """Limit of an environment."""
        return self.live_calls_per_second if environment == "live" else self.paper_calls_per_second


def load_server_setup(path: Path | None, **options: object) -> ServerSetup:
    """The setup from a YAML file, with options of the command line over it.

    Raises:
        ConfigError: the file cannot be read, or a value is impossible. Secrets are never shown.
    """
    values: dict[str, object] = {}
    if path is not None:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
        except (OSError, yaml.YAMLError, ValueError, TypeError, RecursionError):  # a day that does not exist, …
            raise ConfigError(f"The server's configuration {path} cannot be read as YAML.") from None
        if not isinstance(content, dict):
            raise ConfigError(f"The server's configuration {path} must be a mapping, such as `layout: legacy`.")
        values = content
    values = values | {k: v for k, v in options.items() if v is not None}
    try:
        setup = ServerSetup.model_validate(values)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        raise ConfigError("Impossible configuration of the server:\n  " + "\n  ".join(lines)) from None
    for name, taken in (
        ("number", [account.number for account in setup.accounts]),
        ("app_key", [account.app_key.get_secret_value() for account in setup.accounts]),
    ):
        if len(set(taken)) != len(taken):
            raise ConfigError(f"Two accounts of the server have the same {name}. Give each its own.")
    return setup
