"""One HTTP request, and exactly what became of it: an answer, nothing sent, or sent without an answer.

Whether a byte was written is not guessed from the kind of exception but watched at the connection: that is the line
between an order that may be sent again and one that may not. No exception of the library gets out, because their
texts quote addresses and headers.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import logging
import threading
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from brokers.kis.outcome import AnswerLost, Delivery, HttpReply, Mishap, NotSent

_CONNECTIONS = 16
_NO_PROXY = {"http": "", "https": "", "all": ""}


class HttpTransport:
    """Sends requests with the library `requests`.

    Args:
        session: taken over and closed with this transport; a fresh one if none is given.
        connect_seconds: after which a connection that does not come is given up; nothing was sent then.
        read_seconds: after which an answer that does not come is given up; the request was sent then.
    """

    def __init__(
        self, session: requests.Session | None = None, *, connect_seconds: float = 3.05, read_seconds: float = 10.0
    ) -> None:
        self._timeout = (connect_seconds, read_seconds)
        self._session = session if session is not None else requests.Session()
        # No cookies: they would be shared by all threads, and KIS needs none.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._progress = threading.local()
        adapter = _WatchedAdapter(self._progress)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        # The library logs the path of each request with its query, in which the account number stands.
        logging.getLogger("urllib3.connectionpool").addFilter(_hide_query)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Delivery:
        """Send one request, once; redirects are not followed."""
        self._progress.written = False
        data = None if body is None else json.dumps(body).encode("ascii")
        try:
            response = self._session.request(
                method,
                url,
                headers=dict(headers),
                params=None if query is None else dict(query),
                data=data,
                timeout=self._timeout,
                allow_redirects=False,  # a redirect could carry keys and orders to another host
                auth=_as_it_is,
                proxies=_NO_PROXY if is_loopback(url) else None,
            )
            return HttpReply(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=response.content,
            )
        except requests.exceptions.Timeout:
            lost, missed = Mishap.READ_TIMEOUT, Mishap.CONNECT_TIMEOUT
        except requests.exceptions.SSLError:
            lost, missed = Mishap.BROKEN, Mishap.NO_TLS
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            http.client.HTTPException,
            OSError,
            ValueError,
        ):
            lost, missed = Mishap.BROKEN, Mishap.NO_CONNECTION
        return AnswerLost(mishap=lost) if self._progress.written else NotSent(mishap=missed)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()


class _WatchedAdapter(HTTPAdapter):
    """Notes, per thread, that a request has begun to leave."""

    def __init__(self, progress: threading.local) -> None:
        self._progress = progress
        super().__init__(max_retries=0, pool_connections=4, pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **keywords: Any) -> None:
        super().init_poolmanager(*args, **keywords)
        self.poolmanager.pool_classes_by_scheme = _watched_pools(self._progress)

    def proxy_manager_for(self, *args: Any, **keywords: Any) -> Any:
        manager = super().proxy_manager_for(*args, **keywords)
        manager.pool_classes_by_scheme = _watched_pools(self._progress)
        return manager


def _watched_pools(progress: threading.local) -> dict[str, Any]:
    class Plain(HTTPConnection):
        def send(self, data: Any) -> None:
            if self.sock is None:
                self.connect()
            progress.written = True
            super().send(data)

    class Secure(HTTPSConnection):
        def send(self, data: Any) -> None:
            if self.sock is None:
                self.connect()
            progress.written = True
            super().send(data)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def is_loopback(url: str) -> bool:
    """Whether an address is of this machine.

    >>> is_loopback("http://127.0.0.1:8000"), is_loopback("https://openapi.koreainvestment.com:9443")
    (True, False)
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No authentication of the library: it would replace our header by what ~/.netrc says."""
    return request


def _hide_query(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(part.split("?")[0] if isinstance(part, str) else part for part in record.args)
    return True
