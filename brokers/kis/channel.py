"""The way to one host with one app key, and the guard that stands on it: the only place where a request leaves.

Before every request the guard checks that the TR id, the host and the account belong together. Orders and account
calls of paper never reach the live host, nor those of live the paper host. An adapter of the paper account may ask
the live host for quotations, by a written list of TR ids, and for a token to ask with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from brokers.kis.endpoint import Area, Endpoint
from brokers.kis.endpoints import LIVE_QUOTATION_IDS
from brokers.kis.environment import Environment
from brokers.kis.errors import WrongEnvironment
from brokers.kis.outcome import Delivery
from brokers.kis.rate_limit import RateLimiter
from brokers.kis.transport import HttpTransport

_CONTENT_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One host with one app key.

    Args:
        environment: of the host and the key.
        account_environment: of the account that the adapter trades; differs only where paper takes live quotations.
        base_url: address of the host.
        app_key, app_secret: of this environment.
        limiter: of this key.
        transport: sends.
        user_agent: header of every request.
        hide: values that are masked in whatever KIS says.
    """

    environment: Environment
    account_environment: Environment
    base_url: str
    app_key: SecretStr
    app_secret: SecretStr
    limiter: RateLimiter
    transport: HttpTransport = field(repr=False)
    user_agent: str
    hide: tuple[str, ...] = field(default=(), repr=False)

    def send(
        self, endpoint: Endpoint, *, tr_id: str, values: Mapping[str, str], token: SecretStr, more: bool = False
    ) -> Delivery:
        """Send a call.

        Args:
            endpoint: the call.
            tr_id: as sent.
            values: parameters, complete.
            token: access token.
            more: it asks for the next page.

        Raises:
            WrongEnvironment: the call does not belong on this way; nothing was sent.
        """
        url = self.base_url + endpoint.path
        self._guard(endpoint, tr_id, url)
        headers = {
            "content-type": _CONTENT_TYPE,
            "authorization": f"Bearer {token.get_secret_value()}",
            "appkey": self.app_key.get_secret_value(),
            "appsecret": self.app_secret.get_secret_value(),
            "tr_id": tr_id,
            "tr_cont": "N" if more else "",
            "custtype": "P",
            "User-Agent": self.user_agent,
        }
        if endpoint.method == "GET":
            return self.transport.send("GET", url, headers=headers, query=values)
        return self.transport.send("POST", url, headers=headers, body=values)

    def ask_access(self, endpoint: Endpoint, values: Mapping[str, str]) -> Delivery:
        """Send a call for a token or a key.

        Raises:
            WrongEnvironment: the host is not of this environment; nothing was sent.
        """
        url = self.base_url + endpoint.path
        self._guard(endpoint, "", url)
        headers = {"content-type": _CONTENT_TYPE, "User-Agent": self.user_agent}
        return self.transport.send("POST", url, headers=headers, body=endpoint.fill(values))

    def _guard(self, endpoint: Endpoint, tr_id: str, url: str) -> None:
        here, account = self.environment, self.account_environment
        problem = ""
        if not here.owns_address(url):
            problem = f"its address is not of {here.name}"
        elif endpoint.area is Area.ACCESS:
            problem = "a token call has no TR id" if tr_id else ""
        elif tr_id not in endpoint.known_ids(here.name):
            problem = f"{here.name} does not know the TR id {tr_id!r} for it"
        elif endpoint.area is Area.ACCOUNT:
            if here is not account:
                problem = f"the account is of {account.name}, the host of {here.name}"
            elif not here.owns_trading_id(tr_id):
                problem = f"the TR id {tr_id!r} is not of {here.name}"
        elif here is not account and tr_id not in LIVE_QUOTATION_IDS:
            problem = f"the TR id {tr_id!r} is not on the list of quotations that {account.name} may ask {here.name}"
        if problem:
            raise WrongEnvironment(
                f"The KIS call {endpoint.name} was stopped before it was sent: {problem}. Check the environment and "
                f"the addresses in the configuration with `geoul kis doctor`."
            )
