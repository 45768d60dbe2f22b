"""A plain KIS client on `requests` and `websocket-client`, as somebody who knows nothing of Geoul would write it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import requests
import websocket
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pydantic import SecretStr

from brokers.kis.config import APP_KEY_LENGTH, APP_SECRET_LENGTH
from brokers.kis_server.server import KisServer, ServerThread
from brokers.kis_server.setup import AccountSetup, ServerSetup
from brokers.kis_server.world import World
from engine.clock import KST, Clock, SimulatedClock
from engine.config import BacktestConfig
from engine.data.panel import Panel

TRADING, QUOTES = "/uapi/domestic-stock/v1/trading", "/uapi/domestic-stock/v1/quotations"


def example_accounts() -> tuple[AccountSetup, ...]:
    """A live and a paper account with keys of the right length, for a server that is started without a file."""
    return (
        AccountSetup(
            environment="live",
            number="60000001",
            app_key=SecretStr("GEOUL-LIVE".ljust(APP_KEY_LENGTH, "0")),
            app_secret=SecretStr("geoul-live-secret".ljust(APP_SECRET_LENGTH, "0")),
        ),
        AccountSetup(
            environment="paper",
            number="50000001",
            app_key=SecretStr("GEOUL-PAPER".ljust(APP_KEY_LENGTH, "0")),
            app_secret=SecretStr("geoul-paper-secret".ljust(APP_SECRET_LENGTH, "0")),
        ),
    )


def machine_clock() -> SimulatedClock:
    return SimulatedClock(datetime(2026, 11, 23, 8, 0, tzinfo=KST))


PATIENCE_SECONDS = 110.0  # a trader's first step may compile, on a machine that is busy


def make_server(
    panel: Panel, config: BacktestConfig | None = None, clock: Clock | None = None, **options: Any
) -> ServerThread:
    """A server on loopback with a live account 60000001 and a paper account 50000001."""
    shown = options.pop("shown", None)
    start = options.pop("start", None)
    setup = ServerSetup(**{"accounts": example_accounts(), "answer_seconds": PATIENCE_SECONDS, **options})
    world = World(panel, config or BacktestConfig(), start=start, shown=shown)
    return ServerThread(KisServer(world, setup, clock or machine_clock()))


class Client:
    """One app key on one server."""

    def __init__(self, server: ServerThread, environment: str = "paper", account: AccountSetup | None = None) -> None:
        self.server, self.environment = server, environment
        found = account or next(one for one in example_accounts() if one.environment == environment)
        self.number = found.number
        self.app_key, self.app_secret = found.app_key.get_secret_value(), found.app_secret.get_secret_value()
        self.hts_id = found.hts_id
        self.session = requests.Session()
        self.token = ""
        self.last: requests.Response

    @property
    def url(self) -> str:
        key = self.server.server.setup.key
        return f"{self.server.url}/{key}" if key else self.server.url

    def __enter__(self) -> Client:
        self.log_in()
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def log_in(self) -> None:
        body = {"grant_type": "client_credentials", "appkey": self.app_key, "appsecret": self.app_secret}
        self.token = self.post_plain("/oauth2/tokenP", body)["access_token"]

    def post_plain(self, path: str, body: Mapping[str, Any]) -> Any:
        self.last = self.session.post(self.url + path, data=json.dumps(body))
        return self.last.json()

    def headers(self, tr_id: str, **more: str) -> dict[str, str]:
        return {
            "content-type": "application/json; charset=utf-8",
            "authorization": f"Bearer {self.token}",
            "appkey": self.app_key,
            "appsecret": self.app_secret,
            "tr_id": tr_id,
            **more,
        }

    def get(self, path: str, tr_id: str, tr_cont: str = "", **query: str) -> Any:
        self.last = self.session.get(self.url + path, headers=self.headers(tr_id, tr_cont=tr_cont), params=query)
        return self.last.json()

    def post(self, path: str, tr_id: str, **body: str) -> Any:
        self.last = self.session.post(self.url + path, headers=self.headers(tr_id), data=json.dumps(body))
        return self.last.json()

    def own(self, tr_id: str) -> str:
        return tr_id if self.environment == "live" else f"V{tr_id[1:]}"

    @property
    def account(self) -> dict[str, str]:
        return {"CANO": self.number, "ACNT_PRDT_CD": "01"}

    def order(self, side: str, ticker: str, quantity: int, price: int = 0, kind: str | None = None, **more: str) -> Any:
        tr_id = self.own("TTTC0012U" if side == "buy" else "TTTC0011U")
        return self.post(
            f"{TRADING}/order-cash",
            tr_id,
            **self.account,
            PDNO=ticker,
            ORD_DVSN=kind or ("00" if price else "01"),
            ORD_QTY=str(quantity),
            ORD_UNPR=str(price),
            **more,
        )

    def change(self, what: str, number: str, quantity: int = 0, price: int = 0, kind: str = "00") -> Any:
        return self.post(
            f"{TRADING}/order-rvsecncl",
            self.own("TTTC0013U"),
            **self.account,
            KRX_FWDG_ORD_ORGNO="",
            ORGN_ODNO=number,
            ORD_DVSN=kind,
            RVSE_CNCL_DVSN_CD="01" if what == "amend" else "02",
            ORD_QTY=str(quantity),
            ORD_UNPR=str(price),
            QTY_ALL_ORD_YN="N" if quantity else "Y",
        )

    def balance(self, **more: str) -> Any:
        return self.get(f"{TRADING}/inquire-balance", self.own("TTTC8434R"), **self.account, **more)

    def executions(self, day: str, tr_cont: str = "", **more: str) -> Any:
        return self.get(
            f"{TRADING}/inquire-daily-ccld",
            self.own("TTTC0081R"),
            tr_cont,
            **self.account,
            **{"INQR_STRT_DT": day, "INQR_END_DT": day, **more},
        )

    def price(self, ticker: str) -> Any:
        return self.get(f"{QUOTES}/inquire-price", "FHKST01010100", fid_cond_mrkt_div_code="J", fid_input_iscd=ticker)

    def world(self, path: str, body: Any = None) -> Any:
        if body is None:
            self.last = self.session.get(f"{self.url}/_world/{path}")
        else:
            self.last = self.session.post(f"{self.url}/_world/{path}", json=body)
        return self.last.json()

    def advance(self, **how: Any) -> Any:
        return self.world("advance", how)

    def stream(self) -> Stream:
        return Stream(self)


class Stream:
    """A socket, its subscriptions and what it heard."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.key = client.post_plain(
            "/oauth2/Approval",
            {"grant_type": "client_credentials", "appkey": client.app_key, "secretkey": client.app_secret},
        )["approval_key"]
        self.socket = websocket.create_connection(f"ws{client.url.removeprefix('http')}/tryitout", timeout=10)
        self.cipher: tuple[str, str] = ("", "")

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def subscribe(self, tr_id: str, key: str, tr_type: str = "1", approval: str | None = None) -> Any:
        header = {"approval_key": approval or self.key, "custtype": "P", "tr_type": tr_type, "content-type": "utf-8"}
        self.socket.send(json.dumps({"header": header, "body": {"input": {"tr_id": tr_id, "tr_key": key}}}))
        answer = self.acknowledgement()
        output = answer["body"].get("output")
        if output:
            self.cipher = (output["key"], output["iv"])
        return answer

    def acknowledgement(self) -> Any:
        while True:
            text = self.socket.recv()
            if text[0] not in "01" and "PINGPONG" not in text:
                return json.loads(text)

    def record(self) -> tuple[str, list[str]]:
        """TR id and fields of the next data frame."""
        while True:
            text = self.socket.recv()
            if text[0] in "01":
                break
        flag, tr_id, _, payload = text.split("|", 3)
        return tr_id, (self.decrypt(payload) if flag == "1" else payload).split("^")

    def decrypt(self, payload: str) -> str:
        key, iv = self.cipher
        decryptor = Cipher(algorithms.AES(key.encode()), modes.CBC(iv.encode())).decryptor()
        padded = decryptor.update(base64.b64decode(payload)) + decryptor.finalize()
        return padded[: -padded[-1]].decode()
