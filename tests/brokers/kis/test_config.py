"""Configuration: the official file as it is, variables over it, and every wrong value named without being shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from brokers.kis.config import KisConfig, load_kis_config
from engine.errors import ConfigError
from tests.scripted_kis import (
    ACCOUNT,
    APP_KEY,
    APP_SECRET,
    HTS_ID,
    LIVE_ACCOUNT,
    LIVE_KEY,
    SECRETS,
    write_keys,
)

VARIABLES = {
    "KIS_PAPER_APP_KEY": APP_KEY,
    "KIS_PAPER_APP_SECRET": APP_SECRET,
    "KIS_PAPER_STOCK": ACCOUNT,
    "KIS_PROD_TYPE": "01",
}


def load(path: Path, environment: str = "paper", **options: object) -> KisConfig:
    return load_kis_config(environment, variables={}, path=path, options=options)  # type: ignore[arg-type]


def refusal(path: Path, environment: str = "paper", **options: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, environment, **options)
    text = str(caught.value) + repr(caught.value)
    assert not [secret for secret in SECRETS if secret in text]
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return text


def test_the_official_file_works_as_it_is(tmp_path: Path) -> None:
    path = write_keys(
        tmp_path,
        prod="https://openapi.koreainvestment.com:9443",
        vps="https://openapivts.koreainvestment.com:29443",
        ops="ws://ops.koreainvestment.com:21000",
        vops="ws://ops.koreainvestment.com:31000",
    )
    paper, live = load(path, "paper"), load(path, "live")
    assert (paper.app_key.get_secret_value(), paper.account.get_secret_value()) == (APP_KEY, ACCOUNT)
    assert (live.app_key.get_secret_value(), live.account.get_secret_value()) == (LIVE_KEY, LIVE_ACCOUNT)
    assert paper.rest_url == "https://openapivts.koreainvestment.com:29443"
    assert live.websocket_url == "ws://ops.koreainvestment.com:21000"
    assert paper.hts_id is not None and paper.hts_id.get_secret_value() == HTS_ID
    assert (paper.user_agent, paper.product, paper.warnings) == ("Mozilla/5.0", "01", ())


def test_a_file_without_hosts_gets_those_of_kis(tmp_path: Path) -> None:
    assert load(write_keys(tmp_path)).rest_url == "https://openapivts.koreainvestment.com:29443"


def test_the_file_is_found_in_its_official_place(tmp_path: Path) -> None:
    folder = tmp_path / "KIS" / "config"
    folder.mkdir(parents=True)
    write_keys(folder)
    config = load_kis_config("paper", variables={"HOME": str(tmp_path)})
    assert config.account.get_secret_value() == ACCOUNT


def test_variables_alone_are_enough_and_win_over_the_file(tmp_path: Path) -> None:
    assert load_kis_config("paper", variables={**VARIABLES, "HOME": str(tmp_path)}).product == "01"
    path = write_keys(tmp_path, paper_app="K" * 36)
    config = load_kis_config("paper", variables={"KIS_PAPER_APP_KEY": APP_KEY}, path=path)
    assert config.app_key.get_secret_value() == APP_KEY


def test_an_account_without_quotes_keeps_its_leading_zero(tmp_path: Path) -> None:
    path = write_keys(tmp_path)
    path.write_text(path.read_text().replace(f'"{ACCOUNT}"', "01234567").replace('my_prod: "01"', "my_prod: 01"))
    assert load(path).account.get_secret_value() == "01234567"


@pytest.mark.parametrize("account", [ACCOUNT, f"{ACCOUNT}01", f"{ACCOUNT}-01"])
def test_an_account_may_carry_its_product_code(tmp_path: Path, account: str) -> None:
    config = load(write_keys(tmp_path, my_paper_stock=account))
    assert (config.account.get_secret_value(), config.product) == (ACCOUNT, "01")


@pytest.mark.parametrize(
    ("code", "words"),
    [("03", "국내선물옵션"), ("08", "foreign futures"), ("22", "개인연금"), ("29", "retirement"), ("77", "unknown")],
)
def test_other_product_codes_are_refused_by_name(tmp_path: Path, code: str, words: str) -> None:
    text = refusal(write_keys(tmp_path, my_prod=code))
    assert words in text and "not supported yet" in text and code in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"paper_app": ""}, "paper_app (or KIS_PAPER_APP_KEY)"),
        ({"paper_app": "모의투자 앱키"}, "template"),
        ({"paper_app": "PSshort"}, "has 7 characters"),
        ({"paper_sec": APP_SECRET[:-1]}, "has 179 characters"),
        ({"my_paper_stock": "1234567"}, "first eight digits"),
        ({"my_paper_stock": "1234567８"}, "first eight digits"),
        ({"my_paper_stock": f"{ACCOUNT}-01", "my_prod": "22"}, "Make them equal"),
        ({"vps": "https://openapi.koreainvestment.com:9443"}, "Nothing of paper may reach"),
        ({"vops": "ws://ops.koreainvestment.com:21000"}, "Nothing of paper may reach"),
        ({"vps": "http://example.com:8080"}, "without encryption"),
        ({"vps": "https://name:word@127.0.0.1:8080"}, "without a path or a password"),
        ({"vps": "https://127.0.0.1:99999"}, "must be an address"),
        ({"vps": "https://127.0.0.1:8080/path"}, "without a path"),
        ({"my_agent": "거울"}, "my_agent"),
    ],
)
def test_an_impossible_value_is_named_and_not_shown(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    assert words in refusal(write_keys(tmp_path, **changes))


def test_a_live_host_in_place_of_live_is_checked_too(tmp_path: Path) -> None:
    path = write_keys(tmp_path, prod="https://openapivts.koreainvestment.com:29443")
    assert "Nothing of live may reach" in refusal(path, "live")


def test_a_server_on_this_machine_takes_keys_of_any_length(tmp_path: Path) -> None:
    path = write_keys(tmp_path, paper_app="demo", paper_sec="demo-secret", vps="http://127.0.0.1:9000/")
    assert load(path).rest_url == "http://127.0.0.1:9000"


def test_plain_http_to_another_machine_must_be_asked_for(tmp_path: Path) -> None:
    path = write_keys(tmp_path, vps="http://10.0.0.5:9000", vops="ws://10.0.0.5:9000")
    assert "allow_plain_http" in refusal(path)
    assert load(path, allow_plain_http=True).rest_url == "http://10.0.0.5:9000"


def test_quotes_from_live_need_the_live_key_and_its_host(tmp_path: Path) -> None:
    config = load(write_keys(tmp_path), quotes="live")
    assert config.quote_app_key is not None and config.quote_app_key.get_secret_value() == LIVE_KEY
    assert config.quote_rest_url == "https://openapi.koreainvestment.com:9443"
    assert "my_app (or KIS_APP_KEY)" in refusal(write_keys(tmp_path, my_app=""), quotes="live")
    assert "the same key" in refusal(write_keys(tmp_path, my_app=APP_KEY), quotes="live")
    assert load(write_keys(tmp_path), "live", quotes="live").options.quotes == "own"


def test_options_of_ours_stand_under_one_key_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    path = write_keys(tmp_path)
    path.write_text(path.read_text() + "geoul:\n  calls_per_second: 0.5\n  legacy_tr_ids: true\n")
    options = load(path).options
    assert (options.calls_per_second, options.legacy_tr_ids) == (0.5, True)
    assert load(path, calls_per_second=2).options.calls_per_second == 2
    path.write_text(path.read_text() + "  speed: 9\n")
    assert "speed" in refusal(path)
    assert "exchange NXT" in refusal(write_keys(tmp_path), exchange="NXT")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"my_app: [", b"- a\n- b", b"my_app: 1\nmy_app: 2", b"a: *b"])
def test_a_broken_file_is_named_without_quoting_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kis_devlp.yaml"
    path.write_bytes(content)
    assert str(path) in refusal(path)


def test_a_missing_file_that_was_named_is_an_error(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "absent.yaml")


@pytest.mark.skipif(os.name != "posix", reason="file modes are of POSIX systems")
def test_a_file_that_others_may_read_is_reported(tmp_path: Path) -> None:
    path = write_keys(tmp_path)
    path.chmod(0o644)
    (warning,) = load(path).warnings
    assert "mode 0644" in warning and "chmod 600" in warning


def test_secrets_never_show_in_the_text_of_a_configuration(tmp_path: Path) -> None:
    config = load(write_keys(tmp_path), quotes="live")
    shown = f"{config!r} {config} {config.model_dump_json()} {config.model_dump()}"
    held = set(SECRETS) - {LIVE_ACCOUNT}
    assert not [secret for secret in held if secret in shown]
    assert set(config.secrets()) == held
