"""Connecting to a Ray cluster: every way in which that can fail ends soon and says what to do."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from engine.errors import BadInput

LOCAL = "local"
AUTO = "auto"
CLIENT = "ray://"
CLIENT_PORT = 10001
SECONDS_TO_ANSWER = 10.0
# Every server of Ray speaks HTTP/2: it answers this greeting with its settings, a frame of type 4 that starts with nine
# bytes. Source: RFC 9113, 3.4 and 6.5, read 2026-11-23.
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
FRAME_HEAD = 9
SETTINGS = 4


def load_ray() -> Any:
    """The library `ray`, told not to report its use to anybody and to leave errors to us.

    Raises:
        BadInput: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # of pieces that nobody asks for any more
    try:
        import ray  # noqa: PLC0415  (an optional library, slow to load)
    except ImportError as error:
        raise BadInput("--ray needs the library Ray. Install it: pip install 'geoul[cluster]'") from error
    logging.getLogger("ray").setLevel(logging.ERROR)
    return ray


def connect(ray: Any, address: str, *, processes: int, object_store_bytes: int) -> bool:
    """Connect this process to a cluster; a connection that exists is used as it is.

    Args:
        ray: the library.
        address: `local` starts a cluster here, `auto` finds the one that this machine belongs to; else `host:port` of
            its head (6379 unless changed) or `ray://host:port` of its client server (10001).
        processes: of a local cluster.
        object_store_bytes: of a local cluster.

    Returns:
        Whether the connection was made here, so that it has to be given back.

    Raises:
        BadInput: nothing answers there, what answers is no Ray, or it is a Ray that this one cannot talk to.
    """
    if ray.is_initialized():
        return False
    if address == AUTO:
        address = os.environ.get("RAY_ADDRESS", AUTO)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        options |= {
            "num_cpus": processes,
            "object_store_memory": object_store_bytes,
            "include_dashboard": False,
        }
    elif address != AUTO:
        _require_answer(address)
    try:
        ray.init(address, **options)
    except (ConnectionError, RuntimeError, ValueError, ImportError, OSError) as error:
        reason = "" if address == AUTO and isinstance(error, ConnectionError) else f"{_first_line(error)} "
        raise BadInput(f"--ray {address}: {reason}{_hint(address)}") from error
    return True


def _require_answer(address: str) -> None:
    """Ray itself waits minutes for an address at which there is nothing."""
    host, port = _host_and_port(address)
    try:
        with socket.create_connection((host, port), timeout=SECONDS_TO_ANSWER) as line:
            if os.environ.get("RAY_USE_TLS", "0") != "0":
                return
            line.sendall(GREETING)
            head = b""
            while len(head) < FRAME_HEAD and (more := line.recv(FRAME_HEAD - len(head))):
                head += more
    except OSError as error:
        reason = error.strerror or f"no answer within {SECONDS_TO_ANSWER:.0f} seconds"
        raise BadInput(
            f"--ray {address}: {host} cannot be reached at port {port}: {reason}. {_hint(address)}"
        ) from error
    if len(head) < FRAME_HEAD or head[3] != SETTINGS:
        raise BadInput(f"--ray {address}: what answers at port {port} of {host} is no Ray. {_hint(address)}")


def _host_and_port(address: str) -> tuple[str, int]:
    place = address.removeprefix(CLIENT)
    if address.startswith(CLIENT) and ":" not in place:
        return place, CLIENT_PORT
    host, _, port = place.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536 or "/" in host:
        raise BadInput(
            f"--ray {address} is no address. Give auto, local, host:port of the head (ray start --head prints it), or "
            "ray://host:port."
        )
    return host.strip("[]"), int(port)


def _hint(address: str) -> str:
    if address == AUTO:
        return "No cluster runs on this machine. Start one (ray start --head), name one elsewhere, or use --ray local."
    if address == LOCAL:
        return "Try --processes instead, which needs no Ray."
    return "Check the address, and that the cluster is up (ray status)."


def _first_line(error: Exception) -> str:
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line if line.endswith(".") else f"{line}."
