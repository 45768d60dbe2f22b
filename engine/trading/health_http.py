"""Health for machines, on loopback: `/metrics` in the text format of Prometheus, and `/healthz`.

`/healthz` says whether the loop turns: 200, or 503 once it has been silent for too long. A figure that is bad stands in
its text but is no 503: whoever starts a silent process anew must not do so because money was lost.
Its own thread reads the last snapshot and nothing else.

Source: Prometheus, "Exposition formats" (text format 0.0.4), read 2026-11-23.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from engine.errors import ConfigError
from engine.trading.health import Facts, Health

SILENT_AFTER_SECONDS = 60.0
_UNITS = {
    "day_loss": "ratio",
    "api_error_rate": "ratio",
    "api_latency": "seconds",
    "feed_age": "seconds",
    "clock_drift": "seconds",
    "disk_free": "bytes",
    "ledger_size": "bytes",
}
_FACTS: dict[str, tuple[str, Callable[[Facts], float]]] = {
    "cash_won": ("Cash of the account, unsettled included.", lambda facts: facts.cash),
    "equity_won": ("Cash and holdings at their last prices.", lambda facts: facts.equity),
    "positions": ("Names held.", lambda facts: facts.positions),
    "open_orders": ("Orders that can still fill.", lambda facts: facts.open_orders),
    "watched_levels": ("Prices that are watched.", lambda facts: facts.watched_levels),
    "autonomy_level": ("Level of autonomy, 1 to 5.", lambda facts: facts.level),
    "halted": ("1 while the kill switch is on.", lambda facts: bool(facts.halt)),
    "in_session": ("1 while the exchange trades.", lambda facts: facts.in_session),
    "api_calls": ("Calls to the venue in the last minutes.", lambda facts: facts.api.calls),
}
Snapshot = Callable[[], tuple[Health | None, float | None]]


class HealthServer:
    """Serves the snapshot of one trader.

    Args:
        snapshot: the last one and the steady second at which it was taken; from any thread.
        steady: seconds of a clock that never jumps.
        port: on 127.0.0.1; 0 = any that is free.

    Raises:
        ConfigError: the port is taken.
    """

    def __init__(self, snapshot: Snapshot, steady: Callable[[], float], port: int) -> None:
        self._snapshot, self._steady, self._began = snapshot, steady, steady()
        self._registry = CollectorRegistry()
        self._registry.register(_Metrics(self.look))
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        except OSError as error:
            raise ConfigError(
                f"Nothing can be served on port {port} of 127.0.0.1: {error.strerror}. Choose another --metrics-port."
            ) from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def look(self) -> tuple[Health | None, float]:
        """The last snapshot, and for how many seconds the loop has been silent."""
        health, taken = self._snapshot()
        return health, self._steady() - (self._began if taken is None else taken)

    def metrics(self) -> bytes:
        """The answer to /metrics."""
        return generate_latest(self._registry)

    def healthz(self) -> tuple[int, bytes]:
        """Status and body of the answer to /healthz."""
        health, silent = self.look()
        turns = silent < SILENT_AFTER_SECONDS
        told = {
            "turns": turns,
            "silent_seconds": round(silent, 1),
            "state": None if health is None else health.state.value,
            "bad": [] if health is None else [each.name for each in health.measures if each.state.value == "bad"],
        }
        return (200 if turns else 503), json.dumps(told).encode() + b"\n"


class _Metrics(Collector):
    """The figures at the moment of a scrape."""

    def __init__(self, look: Callable[[], tuple[Health | None, float]]) -> None:
        self._look = look

    def collect(self) -> Iterator[GaugeMetricFamily]:
        health, silent = self._look()
        yield GaugeMetricFamily("geoul_silent_seconds", "Seconds since the trading loop looked last.", value=silent)
        if health is None:
            return
        states = GaugeMetricFamily("geoul_state", "0 good, 1 warning, 2 bad.", labels=["figure"])
        states.add_metric(["all"], health.state.weight)
        for each in health.measures:
            states.add_metric([each.name], each.state.weight)
            if each.value is not None:
                name = "_".join(word for word in ("geoul", each.name, _UNITS.get(each.name, "")) if word)
                yield GaugeMetricFamily(name, f"See engine.trading.health_limits: {each.name}.", value=each.value)
        yield states
        for name, (text, value) in _FACTS.items():
            yield GaugeMetricFamily(f"geoul_{name}", text, value=float(value(health.facts)))


def _handler(server: HealthServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds that a silent client is waited for

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, CONTENT_TYPE_PLAIN_0_0_4, server.metrics())
            elif path == "/healthz":
                self._answer(*_as_json(server.healthz()))
            else:
                self._answer(404, "text/plain", b"/metrics or /healthz\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A scrape each few seconds is no news."""

    return Handler


def _as_json(answer: tuple[int, bytes]) -> tuple[int, str, bytes]:
    return answer[0], "application/json", answer[1]
