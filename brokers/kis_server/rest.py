"""One REST request: who asks, which call it is, what is answered. No HTTP here: texts and numbers in and out."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from brokers.kis.answer import answer_body
from brokers.kis.endpoint import Area, Endpoint
from brokers.kis.endpoints import ENDPOINTS, find
from brokers.kis.environment import EnvironmentName
from brokers.kis.notice import Notice
from brokers.kis_server.access import Access, AccessError, Credential, enrolled
from brokers.kis_server.account_calls import ACCOUNT_CALLS
from brokers.kis_server.call import Call, Handler, Refusal, Reply, wrong_input
from brokers.kis_server.call_rate import CallRate
from brokers.kis_server.chart_calls import CHART_CALLS
from brokers.kis_server.faults import Faults, StruckBefore
from brokers.kis_server.market_calls import MARKET_CALLS
from brokers.kis_server.notes import Note, forget
from brokers.kis_server.order_calls import ORDER_CALLS
from brokers.kis_server.profit_calls import PROFIT_CALLS
from brokers.kis_server.quotation_calls import QUOTATION_CALLS
from brokers.kis_server.served_account import ServedAccount
from brokers.kis_server.setup import ServerSetup
from brokers.kis_server.world import World
from engine.clock import KST, Clock
from engine.errors import BadInput, UnknownDate

HANDLERS: dict[str, Handler] = {
    **ORDER_CALLS,
    **ACCOUNT_CALLS,
    **PROFIT_CALLS,
    **QUOTATION_CALLS,
    **CHART_CALLS,
    **MARKET_CALLS,
}
_BY_PATH = {call.path: call for call in ENDPOINTS.values()}
_SAID = 80  # msg1 is padded with blanks
# Flags that change nothing here; mojito sends "1" for "Y".
_FLAGS = frozenset({"CMA_EVLU_AMT_ICLD_YN", "OVRS_ICLD_YN", "AFHR_FLPR_YN", "FUND_STTL_ICLD_YN", "COST_ICLD_YN"})
_ABROAD = "/uapi/overseas-stock/v1/trading/inquire-"
_EMPTY_ABROAD = {
    "rt_cd": "0",
    "msg_cd": "KIOK0560",
    "msg1": "조회할 내용이 없습니다".ljust(_SAID),
    "ctx_area_fk200": " " * 200,
    "ctx_area_nk200": " " * 200,
    "output": [],
    "output1": [],
    "output2": [],
    "output3": {},
}
GRANTS = ("account", "key", "hts", "approval", "revoked", "expired", "token")  # kinds of notes beside orders
_NEVER_MORE = frozenset({"volume_rank", "fluctuation", "market_cap"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What goes back.

    Args:
        status: of HTTP.
        body: JSON text.
        headers: beside the content type.
        notices: what goes to the stream after the answer.
        call: name of the call, "" if it was none.
    """

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[Notice] = ()
    call: str = ""


class Rest:
    """Answers every REST call of KIS that Geoul knows.

    Args:
        world: the market and its accounts.
        setup: of the server.
        faults: what goes wrong inside calls; those of the line strike in `server`.
        clock: the machine's, for tokens and rates.
        note: keeps accounts, and every call that took an order number.
    """

    def __init__(self, world: World, setup: ServerSetup, faults: Faults, clock: Clock, note: Note = forget) -> None:
        self.world, self.setup, self.faults, self._note = world, setup, faults, note
        self.access = Access(setup, clock, note)
        self._rate = CallRate(clock)
        for account in setup.accounts:
            world.open_account(account)

    def name_of(self, path: str) -> str:
        """The call at a path, "" if there is none."""
        found = _BY_PATH.get(path)
        return "" if found is None else found.name

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> Answered:
        """Carry out one request.

        Args:
            method: "GET" or "POST".
            path: without the host.
            headers: names in lower case.
            query: as sent.
            body: as sent.
        """
        endpoint = _BY_PATH.get(path)
        if endpoint is None and method == "GET" and path.startswith(_ABROAD):
            return self._nothing_abroad(headers)
        if endpoint is None or endpoint.method != method:
            return _gateway(AccessError("EGW00203", "OPS라우팅 중 오류가 발생했습니다.(없는 경로)", 404), "")
        try:
            values = _given(endpoint, query, body)
            if endpoint.area is Area.ACCESS:
                return self._grant(endpoint, values)
            return self._carry_out(endpoint, headers, values)
        except AccessError as error:
            return _gateway(error, endpoint.name, granting=endpoint.area is Area.ACCESS)
        except Refusal as error:
            return _refused(error, headers, endpoint.name)
        except UnknownDate:
            return _refused(wrong_input("DATE"), headers, endpoint.name)

    def _nothing_abroad(self, headers: Mapping[str, str]) -> Answered:
        """Accounts hold nothing in other countries; clients that ask about all of them at once go on."""
        try:
            self.access.admit(headers)
        except AccessError as error:
            return _gateway(error, "")
        return Answered(status=200, body=_json(_EMPTY_ABROAD), headers=_headers(headers, "D"))

    def _grant(self, endpoint: Endpoint, values: Mapping[str, Any]) -> Answered:
        grant = {
            "tokenP": self.access.issue_token,
            "revokeP": self.access.revoke,
            "Approval": self.access.approve,
            "hashkey": self.access.hash_of,
        }[endpoint.name]
        return Answered(status=200, body=_json(grant(values)), headers=_headers({}, ""), call=endpoint.name)

    def _carry_out(self, endpoint: Endpoint, headers: Mapping[str, str], values: Mapping[str, Any]) -> Answered:
        credential = self.access.admit(headers)
        environment, variant = self._environment(endpoint, credential, headers.get("tr_id", "").strip())
        limit = self.setup.calls_per_second(environment)
        if limit is not None and not self._rate.admits(credential.key_hash, limit):
            raise AccessError("EGW00201", "초당 거래건수를 초과하였습니다.")
        accepted = _accept(endpoint, values)
        call = Call(
            world=self.world,
            setup=self.setup,
            faults=self.faults,
            endpoint=endpoint,
            variant=variant,
            environment=environment,
            values=accepted,
            account=self._account(credential, environment, accepted) if endpoint.area is Area.ACCOUNT else None,
        )
        reply = self._order(call) if endpoint.writes else HANDLERS[endpoint.name](call)
        body = answer_body(
            endpoint, reply.blocks, code=reply.code, text=reply.text.ljust(_SAID), next_page=reply.next_page
        )
        pages = reply.next_page is not None and endpoint.name not in _NEVER_MORE
        return Answered(
            status=200,
            body=_json(body),
            headers=_headers(headers, "M" if pages else "D"),
            notices=reply.notices,
            call=endpoint.name,
        )

    def _order(self, call: Call) -> Reply:
        """Carry out a call that may change the world, and note it if it did: if it took an order number."""
        given, struck = self.world.numbers_given, dict(self.faults.struck)
        code = ""
        try:
            return HANDLERS[call.endpoint.name](call)
        except Refusal as error:
            code = error.code
            raise
        finally:
            if self.world.numbers_given != given:
                content = {
                    "at": call.now.isoformat(),
                    "account": call.owner.setup.number,
                    "call": call.endpoint.name,
                    "variant": call.variant,
                    "environment": call.environment,
                    "values": {name: value for name, value in call.values.items() if value},
                    "struck": [fault for fault, times in self.faults.struck.items() if struck.get(fault) != times],
                    "number": self.world.numbers_given,
                    "code": code,
                }
                self._note("order", content)

    def restore(self, kind: str, content: Mapping[str, Any]) -> bool:
        """Do again what an earlier life noted; whether it came to the same."""
        if kind != "order":
            if kind == "account":
                self.world.set_time(datetime.fromisoformat(content["at"]).astimezone(KST))
                self.world.open_account(enrolled(content["account"], content["environment"], content["hts"]))
            self.access.restore(kind, content)
            return True
        self.world.set_time(datetime.fromisoformat(content["at"]).astimezone(KST))
        endpoint = ENDPOINTS[content["call"]]
        call = Call(
            world=self.world,
            setup=self.setup,
            faults=StruckBefore(content["struck"]),
            endpoint=endpoint,
            variant=content["variant"],
            environment=content["environment"],
            values={parameter.name: "" for parameter in endpoint.parameters} | content["values"],
            account=self.world.accounts[content["account"]],
        )
        code = ""
        try:
            HANDLERS[endpoint.name](call)
        except Refusal as error:
            code = error.code
        return self.world.numbers_given == content["number"] and code == content["code"]

    def _environment(self, endpoint: Endpoint, credential: Credential, tr_id: str) -> tuple[EnvironmentName, str]:
        """Environment and variant that a TR id means for this app key.

        Raises:
            AccessError: the id belongs to the other environment, to another call, or paper has no such call.
        """
        tried: tuple[EnvironmentName, ...] = (
            ("live", "paper") if credential.environment is None else (credential.environment,)
        )
        for environment in tried:
            found = find(endpoint.path, tr_id, environment)
            if found is not None:
                return environment, found.variant
        if credential.environment == "paper" and find(endpoint.path, tr_id, "live") is not None:
            raise AccessError("EGW02006", "모의투자 TR 이 아닙니다.")
        if credential.environment == "live" and find(endpoint.path, tr_id, "paper") is not None:
            raise AccessError("EGW02004", "실전투자 TR 이 아닙니다.")
        raise AccessError("EGW00203", "OPS라우팅 중 오류가 발생했습니다.(TR ID와 경로가 맞지 않음)")

    def _account(
        self, credential: Credential, environment: EnvironmentName, values: Mapping[str, str]
    ) -> ServedAccount:
        number, product = values["CANO"], values["ACNT_PRDT_CD"]
        if not (len(number) == 8 and number.isascii() and number.isdigit()) or product != "01":
            raise Refusal("OPSQ2000", "ERROR : INPUT INVALID_CHECK_ACNO", "2")
        if credential.account is None and number not in self.world.accounts:
            self.world.open_account(enrolled(number, environment, credential.hts_id))
            self.access.own(credential, number, environment)
            content = {"account": number, "environment": environment, "hts": credential.hts_id}
            at = self.world.now().isoformat()
            self._note("account", {**content, "key": credential.key_hash, "at": at})
        if credential.account != number:
            raise Refusal("OPSQ2000", "ERROR : INPUT INVALID_CHECK_ACNO", "2")
        return self.world.accounts[number]


def _given(endpoint: Endpoint, query: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
    """The parameters as sent."""
    if endpoint.method == "GET":
        return query
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise AccessError("EGW00101", "유효하지 않은 요청입니다.", 400)
    return content


def _accept(endpoint: Endpoint, values: Mapping[str, Any]) -> dict[str, str]:
    """The parameters by their names in the table; what is missing gets its default where it has one.

    Raises:
        Refusal: a value is missing, or does not exist.
    """
    given = {str(name).upper(): str(value) for name, value in values.items() if value is not None}
    for parameter in endpoint.parameters:
        name = parameter.name.upper()
        blank = not given.get(name, "").strip()
        if parameter.default is not None:
            if blank or (name in _FLAGS and given[name].strip() not in parameter.allowed):
                given[name] = parameter.default
        elif blank and parameter.required and parameter.allowed:
            raise wrong_input(parameter.name)
    try:
        return endpoint.accept(given)
    except BadInput:
        wrong = next((parameter.name for parameter in endpoint.parameters if _is_wrong(parameter, given)), "")
        raise wrong_input(wrong) from None


def _is_wrong(parameter: Any, given: Mapping[str, str]) -> bool:
    value = given.get(parameter.name.upper())
    if value is None:
        return bool(parameter.required)
    value = value.strip()
    return bool(value and parameter.allowed and value not in parameter.allowed)


def _gateway(error: AccessError, call: str, *, granting: bool = False) -> Answered:
    """An answer of the gateway: in front of the order system nothing has happened."""
    if granting:
        said: dict[str, object] = {"error_code": error.code, "error_description": error.text}
    else:
        said = {"rt_cd": "1", "msg_cd": error.code, "msg1": error.text}
    return Answered(status=error.status, body=_json(said), headers=_headers({}, ""), call=call)


def _refused(refusal: Refusal, headers: Mapping[str, str], call: str) -> Answered:
    """A business refusal: status 200, no output."""
    said = {"rt_cd": refusal.rt_cd, "msg_cd": refusal.code, "msg1": refusal.text.ljust(_SAID)}
    return Answered(status=200, body=_json(said), headers=_headers(headers, ""), call=call)


def _headers(request: Mapping[str, str], tr_cont: str) -> dict[str, str]:
    """Names in lower case for the three that KIS's own client reads; the library writes all others capitalised."""
    return {
        "tr_id": request.get("tr_id", ""),
        "tr_cont": tr_cont,
        "gt_uid": request.get("gt_uid", "") or secrets.token_hex(16),
    }


def _json(content: Mapping[str, object]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
