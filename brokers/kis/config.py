"""Configuration of the KIS adapter: the official `kis_devlp.yaml` as it is, environment variables, and a few options.

A user of the official samples has nothing to change: the same file in the same place, and the variables of the
official MCP server, which win over the file. Options of Geoul stand in the file under the key `geoul`, where the
official programs do not look:

    geoul:
      quotes: live            # prices for the paper account from the live host, with the live key
      calls_per_second: 10

Source of the file's keys: official samples (885dd4e), kis_devlp.yaml and kis_auth.py; of the variables: its MCP
server; read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.environment import ENVIRONMENTS, LIVE, PAPER, Environment, EnvironmentName, is_official
from brokers.kis.findings import Findings, findings_path, load_findings
from brokers.kis.private_files import loose_mode
from brokers.kis.stream_settings import StreamSettings
from brokers.kis.transport import is_loopback
from engine.cache_root import cache_root
from engine.errors import ConfigError

PATH_VARIABLE = "GEOUL_KIS_CONFIG"
OFFICIAL_PLACE = Path("KIS") / "config" / "kis_devlp.yaml"
APP_KEY_LENGTH, APP_SECRET_LENGTH, ACCOUNT_LENGTH = 36, 180, 8
SUPPORTED_PRODUCT = "01"
DEFAULT_USER_AGENT = "Geoul"
_MOST_QUOTE_WORKERS = 4  # at 15 calls a second enough for answers that take a quarter of a second

# Product codes of KIS: the last two digits of an account.
_PRODUCTS = {
    "01": ("종합(위탁)", "stocks"),
    "03": ("국내선물옵션", "domestic futures and options"),
    "08": ("해외선물옵션", "foreign futures and options"),
    "22": ("개인연금", "personal pension"),
    "29": ("퇴직연금", "retirement pension"),
}

# Key of the official file -> variable of the official MCP server.
_VARIABLES = {
    "my_app": "KIS_APP_KEY",
    "my_sec": "KIS_APP_SECRET",
    "paper_app": "KIS_PAPER_APP_KEY",
    "paper_sec": "KIS_PAPER_APP_SECRET",
    "my_htsid": "KIS_HTS_ID",
    "my_acct_stock": "KIS_ACCT_STOCK",
    "my_paper_stock": "KIS_PAPER_STOCK",
    "my_prod": "KIS_PROD_TYPE",
    "prod": "KIS_URL_REST",
    "vps": "KIS_URL_REST_PAPER",
    "ops": "KIS_URL_WS",
    "vops": "KIS_URL_WS_PAPER",
    "my_agent": "KIS_AGENT",  # ours: the MCP server has none
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    """Where the official file keeps what one environment needs."""

    app_key: str
    app_secret: str
    account: str


_KEYS = {
    "live": _Keys(app_key="my_app", app_secret="my_sec", account="my_acct_stock"),
    "paper": _Keys(app_key="paper_app", app_secret="paper_sec", account="my_paper_stock"),
}


class KisOptions(BaseModel):
    """What the official file does not know.

    Args:
        quotes: own = prices from the environment's own host; live = from the live host, with the live key. Paper only.
        exchange: where orders go: KRX, NXT or SOR (the broker chooses). Paper knows KRX only.
        legacy_tr_ids: send the older TR ids.
        calls_per_second: rate of the app key; None = what the environment allows, with head-room.
        quote_calls_per_second: rate of the live key that serves prices.
        burst: calls that may go at once after a pause.
        read_attempts: how often a read is tried before it is given up; orders are never tried again.
        connect_seconds: after which a connection is given up.
        read_seconds: after which an answer is given up.
        most_pages: pages that one question may have.
        allow_plain_http: send keys without encryption to a host that is not this machine.
        token_folder: where tokens and rates are shared between processes; None = Geoul's cache folder.
        findings: file that `geoul kis probe` wrote; None = the one beside the tokens, if it is there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    quotes: Literal["own", "live"] = "own"
    exchange: Literal["KRX", "NXT", "SOR"] = "KRX"
    legacy_tr_ids: bool = False
    calls_per_second: float | None = Field(default=None, gt=0, le=1_000)
    quote_calls_per_second: float | None = Field(default=None, gt=0, le=1_000)
    burst: int = Field(default=1, ge=1, le=100)
    read_attempts: int = Field(default=3, ge=1, le=10)
    connect_seconds: float = Field(default=3.05, gt=0, le=60)
    read_seconds: float = Field(default=10.0, gt=0, le=120)
    most_pages: int = Field(default=200, ge=1, le=10_000)
    allow_plain_http: bool = False
    token_folder: Path | None = None
    findings: Path | None = None


class KisConfig(BaseModel):
    """Everything the adapter needs; secrets never show in its text.

    Args:
        environment: "live" or "paper".
        app_key, app_secret: of that environment.
        account: its first eight digits.
        product: its last two digits.
        hts_id: login of the HTS; the stream of the account's own fills asks for it. None = not given.
        rest_url, websocket_url: of that environment.
        quote_app_key, quote_app_secret, quote_rest_url: of the live environment where `options.quotes` is live.
        user_agent: header of every request.
        options: what the official file does not know, with what was found out about the host.
        findings: of `geoul kis probe` about this host, None if it was never run.
        warnings: sentences to show, such as a file that others may read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    environment: EnvironmentName
    app_key: SecretStr
    app_secret: SecretStr
    account: SecretStr
    product: str = SUPPORTED_PRODUCT
    hts_id: SecretStr | None = None
    rest_url: str
    websocket_url: str
    quote_app_key: SecretStr | None = None
    quote_app_secret: SecretStr | None = None
    quote_rest_url: str = LIVE.rest_url
    user_agent: str = DEFAULT_USER_AGENT
    options: KisOptions = KisOptions()
    findings: Findings | None = None
    warnings: tuple[str, ...] = ()

    @property
    def world(self) -> Environment:
        """The table row of the environment."""
        return ENVIRONMENTS[self.environment]

    @property
    def token_folder(self) -> Path:
        """Where tokens and rates are shared between processes."""
        return self.options.token_folder or cache_root() / "kis"

    @property
    def findings_path(self) -> Path:
        """Where the findings about this host are kept."""
        return self.options.findings or findings_path(self.token_folder, self.environment, self.rest_url)

    @property
    def quote_workers(self) -> int:
        """Calls about the market that are worth being in flight at once: more than one where the rate allows it."""
        rate = self.options.calls_per_second or self.world.calls_per_second
        if self.options.quotes == "live":
            rate = self.options.quote_calls_per_second or LIVE.calls_per_second
        return _MOST_QUOTE_WORKERS if rate > 2 else 1

    def most_rows(self, call: str) -> int:
        """Rows that one answer of a call without pages holds: as found, else as documented."""
        found = self.findings.most_rows.get(call) if self.findings is not None else None
        return found or ENDPOINTS[call].most_rows

    def stream_settings(self) -> StreamSettings:
        """Times of the stream: as found, else the usual ones."""
        usual = StreamSettings()
        if self.findings is None or self.findings.silence_seconds is None:
            return usual
        silence = max(self.findings.silence_seconds, 2 * usual.ping_seconds)
        return StreamSettings(silence_seconds=silence)

    def secrets(self) -> tuple[str, ...]:
        """Every value that must be masked in logs; one of fewer than six characters would mask ordinary words."""
        held = (self.app_key, self.app_secret, self.account, self.hts_id, self.quote_app_key, self.quote_app_secret)
        values = (secret.get_secret_value() for secret in held if secret is not None)
        return tuple(value for value in values if len(value) >= 6)


def load_kis_config(
    environment: EnvironmentName,
    *,
    variables: Mapping[str, str],
    path: Path | None = None,
    options: Mapping[str, object] | None = None,
) -> KisConfig:
    """Read the configuration of one environment.

    Args:
        environment: "live" or "paper".
        variables: the process's environment variables; they win over the file.
        path: the file; None = the variable GEOUL_KIS_CONFIG, else ~/KIS/config/kis_devlp.yaml if it is there.
        options: of the command line; they win over the file's key `geoul`.

    Raises:
        ConfigError: a value is missing or impossible; it names the key, never the value.
    """
    file, where = _find_file(path, variables)
    content = _read_file(file) if file is not None else {}
    given: dict[str, str] = {}
    for key, variable in _VARIABLES.items():
        value = variables.get(variable, "").strip() or content.get(key, "")
        if not isinstance(value, str):
            raise ConfigError(f"{where}: {key} must be one value.")
        given[key] = value.strip()
    loose = loose_mode(file) if file is not None else None
    chosen = _options(content.get("geoul"), options or {}, where)
    return _build(environment, given, chosen, where, (loose,) if loose else ())


def _build(
    name: EnvironmentName, given: Mapping[str, str], options: KisOptions, where: str, warnings: tuple[str, ...]
) -> KisConfig:
    world, keys = ENVIRONMENTS[name], _KEYS[name]
    needed = [keys.app_key, keys.app_secret, keys.account]
    from_live = options.quotes == "live" and name == "paper"
    if from_live:
        needed += ["my_app", "my_sec"]
    missing = [f"{key} (or {_VARIABLES[key]})" for key in needed if not given[key]]
    if missing:
        raise ConfigError(
            f"{where}: for {name} trading at KIS ({world.korean}) these are missing: {', '.join(missing)}. "
            f"Apply for keys at apiportal.koreainvestment.com and put them there."
        )
    if options.quotes == "live" and name == "live":
        options = options.model_copy(update={"quotes": "own"})  # the same host either way
    if options.exchange not in world.exchanges:
        raise ConfigError(f"{world.korean} ({name}) has no exchange {options.exchange}: use KRX.")
    rest_url = _address(given, world.rest_key, world.rest_url, world, options, where)
    websocket_url = _address(given, world.websocket_key, world.websocket_url, world, options, where)
    quote_url = _address(given, LIVE.rest_key, LIVE.rest_url, LIVE, options, where) if from_live else LIVE.rest_url
    account, product = _account(given[keys.account], given["my_prod"], keys.account, where)
    app_key = _key(given[keys.app_key], keys.app_key, APP_KEY_LENGTH, rest_url, where)
    app_secret = _key(given[keys.app_secret], keys.app_secret, APP_SECRET_LENGTH, rest_url, where)
    quote_key = _key(given["my_app"], "my_app", APP_KEY_LENGTH, quote_url, where) if from_live else None
    quote_secret = _key(given["my_sec"], "my_sec", APP_SECRET_LENGTH, quote_url, where) if from_live else None
    if from_live and given["my_app"] == given[keys.app_key]:
        raise ConfigError(f"{where}: my_app and {keys.app_key} are the same key. KIS gives one pair to each.")
    agent = given["my_agent"] or DEFAULT_USER_AGENT
    if not (agent.isascii() and agent.isprintable()):
        raise ConfigError(f"{where}: my_agent may hold printable ASCII characters only.")
    config = KisConfig(
        environment=name,
        app_key=app_key,
        app_secret=app_secret,
        account=account,
        product=product,
        hts_id=SecretStr(given["my_htsid"]) if given["my_htsid"] else None,
        rest_url=rest_url,
        websocket_url=websocket_url,
        quote_app_key=quote_key,
        quote_app_secret=quote_secret,
        quote_rest_url=quote_url,
        user_agent=agent,
        options=options,
        warnings=warnings,
    )
    found = load_findings(config.findings_path, rest_url)
    if found is None:
        return config
    if options.calls_per_second is None and found.calls_per_second is not None:
        options = options.model_copy(update={"calls_per_second": found.calls_per_second})
    return config.model_copy(update={"findings": found, "options": options})


def _find_file(path: Path | None, variables: Mapping[str, str]) -> tuple[Path | None, str]:
    """The file to read and what to call it; None if none is named and none is in the official place."""
    named = path or (Path(variables[PATH_VARIABLE]) if variables.get(PATH_VARIABLE) else None)
    if named is not None:
        return named, str(named)
    home = Path(variables["HOME"]) if variables.get("HOME") else Path.home()
    official = home / OFFICIAL_PLACE
    return (official if official.exists() else None), str(official)


class _TextLoader(yaml.BaseLoader):
    """YAML in which every value stays the text that was written: 01 is no number, nor is an account 01234567."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [key for place, key in enumerate(keys) if key in keys[:place]]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice[0]} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _read_file(path: Path) -> dict[str, object]:
    problem = ""
    content: object = None
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_TextLoader)
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        # The text of the error would quote the line, which may hold a key.
        mark = getattr(error, "problem_mark", None)
        problem = f"it is no YAML{f' (line {mark.line + 1})' if mark else ''}"
    if problem:
        raise ConfigError(f"The KIS configuration {path} cannot be read: {problem}.")
    if content in (None, ""):
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"The KIS configuration {path} must be a mapping, as in the official kis_devlp.yaml.")
    return {str(key): value for key, value in content.items()}


def _options(section: object, given: Mapping[str, object], where: str) -> KisOptions:
    if section in (None, ""):
        section = {}
    if not isinstance(section, dict):
        raise ConfigError(f"{where}: the key geoul must hold a mapping, such as `quotes: live`.")
    problems: list[str] = []
    try:
        return KisOptions.model_validate({**section, **given})
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
    raise ConfigError(f"{where}: impossible options under geoul: {'; '.join(problems)}.")


def _address(
    given: Mapping[str, str], key: str, default: str, world: Environment, options: KisOptions, where: str
) -> str:
    """The base address of a host: of the environment, of this machine, or of a server the user has chosen."""
    url = (given[key] or default).rstrip("/")
    stream = key == world.websocket_key
    secure, plain = ("wss", "ws") if stream else ("https", "http")
    broken = ConfigError(f"{where}: {key} must be an address such as {default}, without a path or a password.")
    try:
        parts = urlsplit(url)
        extra = parts.path or parts.query or parts.fragment or parts.username or parts.password
        usable = parts.scheme in (secure, plain) and bool(parts.hostname) and (parts.port or 1) > 0 and not extra
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise broken
    if not world.owns_address(url):
        other = PAPER if world is LIVE else LIVE
        raise ConfigError(
            f"{where}: {key} is the address of {world.korean} ({world.name}) and must be {default}, but another "
            f"address of KIS stands there. Nothing of {world.name} may reach {other.korean} ({other.name})."
        )
    if parts.scheme == plain and not is_official(url) and not options.allow_plain_http and not is_loopback(url):
        raise ConfigError(
            f"{where}: {key} would send keys without encryption to another machine. Use {secure}://, or set "
            f"allow_plain_http under geoul if that network is yours."
        )
    return url


def _account(text: str, product: str, key: str, where: str) -> tuple[SecretStr, str]:
    """Account and product code from "12345678", "1234567801" or "12345678-01"."""
    compact = text.replace("-", "")
    number, suffix = compact[:ACCOUNT_LENGTH], compact[ACCOUNT_LENGTH:]
    if not (compact.isascii() and compact.isdigit()) or len(number) != ACCOUNT_LENGTH or len(suffix) not in (0, 2):
        raise ConfigError(f"{where}: {key} must be the first eight digits of the account, such as 12345678.")
    product = product.zfill(2) if product else ""
    if suffix and product and suffix != product:
        raise ConfigError(f"{where}: {key} ends in {suffix}, but my_prod is another product code. Make them equal.")
    code = suffix or product or SUPPORTED_PRODUCT
    if code != SUPPORTED_PRODUCT:
        korean, english = _PRODUCTS.get(code, ("알 수 없는 상품", "unknown"))
        raise ConfigError(
            f"{where}: accounts with product code {code} ({korean}, {english}) are not supported yet; Geoul trades "
            f"accounts of code 01 (종합, stocks). 상품코드 {code} 계좌는 아직 지원하지 않습니다."
        )
    return SecretStr(number), code


def _key(value: str, key: str, length: int, url: str, where: str) -> SecretStr:
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ConfigError(
            f"{where}: {key} still holds the text of the template, or a character that no key has. Paste the key."
        )
    # A server of one's own gives keys of any length; KIS does not.
    if is_official(url) and len(value) != length:
        raise ConfigError(
            f"{where}: {key} has {len(value)} characters, but KIS's has {length}. It was cut or pasted with more."
        )
    return SecretStr(value)
