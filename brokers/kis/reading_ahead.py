"""A socket that reads ahead: one call to the system for many frames.

websocket-client reads each frame in three calls (header, length, payload), and each call hands the interpreter to the
other threads. At 20,000 frames a second that costs more than reading and checking the frames themselves.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

_CHUNK_BYTES = 1 << 16
_RECEIVE_BUFFER_BYTES = 1 << 20  # some seconds of a busy market, while the program holds the interpreter


class ReadingAheadSocket(socket.socket):
    """A connected TCP socket whose `recv` takes from a buffer and fills it with whatever has arrived.

    Attributes:
        before_reading: called each time the buffer is empty and the system is asked, which may take long: whoever
            collects what came in passes it on now.
    """

    before_reading: Callable[[], None] | None = None
    _ahead = b""
    _position = 0

    @classmethod
    def open(cls, host: str, port: int, timeout_seconds: float) -> ReadingAheadSocket:
        """Connect; errors are those of `socket.create_connection`."""
        plain = socket.create_connection((host, port), timeout_seconds)
        opened = cls(plain.family, plain.type, plain.proto, plain.detach())
        opened.settimeout(timeout_seconds)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        return opened

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """At most `bufsize` bytes; waits only if none are ahead."""
        if self._position >= len(self._ahead):
            if self.before_reading is not None:
                self.before_reading()
            self._ahead, self._position = super().recv(_CHUNK_BYTES, flags), 0
        start = self._position
        self._position = min(start + bufsize, len(self._ahead))
        return self._ahead[start : self._position]
