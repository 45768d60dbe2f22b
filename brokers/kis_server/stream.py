"""The sockets: subscriptions and their answers, and who hears what. The sending itself is handed in.

One key and one initial vector a socket, in every answer: a client that keeps only the last ones can read everything.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from brokers.kis.ack_codes import ACK_CODES
from brokers.kis.environment import ENVIRONMENTS
from brokers.kis.frames import (
    SUBSCRIBE,
    UNSUBSCRIBE,
    Acknowledgement,
    FrameError,
    NoticeCipher,
    SubscriptionMessage,
    format_acknowledgement,
    read_subscription,
)
from brokers.kis.notice import Notice
from brokers.kis.realtime_fields import BOOK, INDEX, MARKET_STATUS, NOTICES, TRADE
from brokers.kis_server.access import Access, Credential
from brokers.kis_server.faults import Faults
from brokers.kis_server.index_names import INDICES
from brokers.kis_server.records import book_frame, index_frame, notice_frame, status_frame, trade_frame
from brokers.kis_server.setup import ServerSetup
from brokers.kis_server.world import Happened, World

MOST_REGISTRATIONS = 41
SERVED = frozenset({TRADE, BOOK, MARKET_STATUS, INDEX, *NOTICES})

# What KIS says to each code. Source: constants of public clients, as listed in its documents; read 2026-11-23.
_SAYS = {
    "OPSP0000": "SUBSCRIBE SUCCESS",
    "OPSP0001": "UNSUBSCRIBE SUCCESS",
    "OPSP0002": "ALREADY IN SUBSCRIBE",
    "OPSP0003": "UNSUBSCRIBE ERROR (not found!)",
    "OPSP0008": "MAX SUBSCRIBE OVER",
    "OPSP0011": "invalid approval : NOT FOUND",
    "OPSP8991": "invalid tr_id",
    "OPSP8992": "invalid tr_key",
    "OPSP8996": "ALREADY IN USE appkey",
    "OPSP8997": "invalid tr_type",
    "OPSP9991": "JSON PARSING ERROR",
}
assert all(code in ACK_CODES or code.startswith("OPSP999") for code in _SAYS)


@dataclass(slots=True, eq=False)
class Socket:
    """One connected client.

    Args:
        send: puts a frame on its way.
        close: cuts the connection.
    """

    send: Callable[[str], None]
    close: Callable[[], None]
    cipher: NoticeCipher = field(default_factory=lambda: NoticeCipher(secrets.token_hex(16), secrets.token_hex(8)))
    credential: Credential | None = None
    registrations: dict[tuple[str, str], None] = field(default_factory=dict)
    sent: int = 0


class Stream:
    """All sockets of the server.

    Args:
        world: tells what happens.
        access: knows approval keys.
        setup: layouts and limits.
        faults: strike notices.
        later: runs something after so many seconds of real time.
    """

    def __init__(
        self,
        world: World,
        access: Access,
        setup: ServerSetup,
        faults: Faults,
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._world, self._access, self._setup, self._faults, self._later = world, access, setup, faults, later
        self._sockets: list[Socket] = []
        self._heard: dict[tuple[str, str], list[Socket]] = {}
        self._held_back: list[Notice] = []
        self._after_answers: list[Sequence[Notice]] = []
        self._sent_to: dict[str, int] = {}  # by the hash of the app key
        world.listeners.append(self._tell)

    @property
    def sockets(self) -> int:
        """How many are connected."""
        return len(self._sockets)

    def frames(self, key_hash: str) -> int:
        """How many frames of data have been sent to the sockets of an app key, known by its hash, in this life."""
        return self._sent_to.get(key_hash, 0)

    def join(self, socket: Socket) -> None:
        """A client has connected."""
        self._sockets.append(socket)

    def leave(self, socket: Socket) -> None:
        """A client is gone."""
        if socket in self._sockets:
            self._sockets.remove(socket)
        for registration in socket.registrations:
            self._heard[registration].remove(socket)
        socket.registrations.clear()

    def receive(self, socket: Socket, text: str) -> None:
        """What a client has sent: a subscription, or the echo of a PINGPONG."""
        if '"PINGPONG"' in text:
            return
        try:
            message = read_subscription(text)
        except FrameError:
            socket.send(_answer("(null)", "", "1", "OPSP9991"))
            return
        self._subscribe(socket, message)

    def _subscribe(self, socket: Socket, message: SubscriptionMessage) -> None:
        credential = self._access.approved(message.approval_key)
        if credential is None:
            socket.send(_answer("(null)", "", "1", "OPSP0011"))
            return
        other = any(peer is not socket and peer.credential is credential for peer in self._sockets)
        if other and self._setup.one_socket and socket.credential is None:
            socket.send(_answer("(null)", "", "9", "OPSP8996"))
            return
        socket.credential = credential
        code = self._register(socket, credential, message)
        good = code in ("OPSP0000", "OPSP0001", "OPSP0002")
        socket.send(
            _answer(
                message.tr_id,
                message.tr_key,
                "0" if good else "1",
                code,
                socket.cipher if code in ("OPSP0000", "OPSP0002") else None,
            )
        )

    def _register(self, socket: Socket, credential: Credential, message: SubscriptionMessage) -> str:
        wanted = (message.tr_id, message.tr_key)
        if message.tr_type == UNSUBSCRIBE:
            if wanted not in socket.registrations:
                return "OPSP0003"
            del socket.registrations[wanted]
            self._heard[wanted].remove(socket)
            return "OPSP0001"
        if message.tr_type != SUBSCRIBE:
            return "OPSP8997"
        if not self._offers(credential, message.tr_id):
            return "OPSP8991"
        if not self._knows(credential, *wanted):
            return "OPSP8992"
        if wanted in socket.registrations:
            return "OPSP0002"
        if len(socket.registrations) >= MOST_REGISTRATIONS:
            return "OPSP0008"
        socket.registrations[wanted] = None
        self._heard.setdefault(wanted, []).append(socket)
        return "OPSP0000"

    @staticmethod
    def _offers(credential: Credential, tr_id: str) -> bool:
        if tr_id not in SERVED:
            return False
        if credential.environment is None:
            return True
        streams = ENVIRONMENTS[credential.environment].streams
        own = ENVIRONMENTS[credential.environment].fill_stream
        return tr_id == own if tr_id in NOTICES else streams is None or tr_id in streams

    def _knows(self, credential: Credential, tr_id: str, key: str) -> bool:
        if tr_id in NOTICES:
            if not credential.hts_id:  # an enrolled app key says here who it is
                self._access.name(credential, key)
            return key == credential.hts_id
        if tr_id == INDEX:
            return INDICES.get(key) in self._world.market.panel.indices
        return key in self._world.market.column

    # What is told

    def hold(self, notices: Sequence[Notice]) -> None:
        """Notices that follow an answer which is being written; what the market does meanwhile is told after them."""
        self._after_answers.append(notices)

    def release(self, notices: Sequence[Notice]) -> None:
        """The answer has gone: send its notices, unless the market has overtaken it."""
        waiting = [batch for batch in self._after_answers if batch is not notices]
        if len(waiting) < len(self._after_answers):
            self._after_answers = waiting
            self.notify(notices)

    def _tell(self, happened: Happened) -> None:
        waiting, self._after_answers = self._after_answers, []
        for batch in waiting:
            self.notify(batch)
        fields, printed = self._setup.trade_fields, happened.printed
        for (tr_id, key), sockets in self._heard.items():
            if not sockets:
                continue
            frame = None
            if tr_id == TRADE and printed is not None:
                frame = trade_frame(self._world, key, printed, fields)
            elif tr_id == BOOK and (happened.step.phase or self._moves(key, happened)):
                frame = book_frame(self._world, key)
            elif tr_id == INDEX and printed is not None:
                frame = index_frame(self._world, key)
            elif tr_id == MARKET_STATUS and happened.step.phase:
                frame = status_frame(self._world, key)
            if frame is not None:
                self._send(sockets, frame)
        for notices in happened.notices.values():
            self.notify(notices)

    def _moves(self, ticker: str, happened: Happened) -> bool:
        """Whether a print moves the book of a name: a bar that of every name, a recorded trade only that of its own."""
        if happened.printed is None:
            return False
        market = self._world.market
        return not market.panel.is_trade(market.row) or bool(happened.printed.volume[market.column[ticker]])

    def notify(self, notices: Iterable[Notice]) -> None:
        """Send notices to those who listen to their account, as far as no fault strikes them."""
        for notice in notices:
            if self._faults.fires("socket_cut"):
                self.cut()
            if self._faults.fires("lost_notice"):
                continue
            late = self._faults.fires("late_notice")
            if late is not None:
                self._later(late.seconds, lambda notice=notice: self._send_notice(notice))  # type: ignore[misc]
                continue
            if self._faults.fires("reordered_notice"):
                self._held_back.append(notice)
                continue
            self._send_notice(notice)
            if self._faults.fires("duplicate_notice"):
                self._send_notice(notice)
            held, self._held_back = self._held_back, []
            for earlier in held:
                self._send_notice(earlier)

    def cut(self) -> int:
        """Cut every socket. Returns how many there were."""
        sockets = list(self._sockets)
        for socket in sockets:
            socket.close()
            self.leave(socket)
        return len(sockets)

    def _send_notice(self, notice: Notice) -> None:
        owner = notice.account[:8]
        cut_short = self._faults.fires("truncated_frame")
        for (tr_id, _), sockets in self._heard.items():
            if tr_id != notice.tr_id:
                continue
            for socket in sockets:
                if socket.credential is not None and socket.credential.account == owner:
                    frame = notice_frame(notice, self._setup.notice_fields, socket.cipher)
                    self._send([socket], frame[: len(frame) * 2 // 3] if cut_short else frame)

    def _send(self, sockets: Iterable[Socket], frame: str) -> None:
        for socket in list(sockets):
            socket.sent += 1
            if socket.credential is not None:
                key = socket.credential.key_hash
                self._sent_to[key] = self._sent_to.get(key, 0) + 1
            socket.send(frame)


def _answer(tr_id: str, tr_key: str, return_code: str, code: str, cipher: NoticeCipher | None = None) -> str:
    return format_acknowledgement(
        Acknowledgement(
            tr_id=tr_id,
            tr_key=tr_key,
            return_code=return_code,
            message_code=code,
            message=_SAYS[code],
            encrypted=tr_id in NOTICES,
            cipher=cipher,
        )
    )
