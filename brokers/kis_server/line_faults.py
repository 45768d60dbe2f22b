"""Faults of the line between a client and KIS: what becomes of a request before and after it is carried out."""

from __future__ import annotations

import asyncio

from brokers.kis_server.faults import Faults
from brokers.kis_server.rest import Answered

_HTML = "<html><head><title>500 Internal Server Error</title></head><body>500 Internal Server Error</body></html>"
CUT = Answered(status=0, body="")


def _gateway(code: str, text: str) -> Answered:
    body = f'{{"rt_cd":"1","msg_cd":"{code}","msg1":"{text}"}}'
    return Answered(status=500, body=body, headers={"tr_id": "", "tr_cont": "", "gt_uid": ""})


class LineFaults:
    """Strikes requests and answers."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._waiting: asyncio.Event | None = None

    async def before(self, call: str) -> Answered | None:
        """What the client gets instead of a call that is never carried out; None lets it through."""
        slow = self._faults.fires("slow_answer", call)
        if slow is not None:
            await asyncio.sleep(slow.seconds)
        if self._faults.fires("lost_request", call):
            return CUT
        if self._faults.fires("server_error", call):
            return Answered(status=500, body=_HTML, headers={"tr_cont": ""})
        if self._faults.fires("rate_limited", call):
            return _gateway("EGW00201", "초당 거래건수를 초과하였습니다.")
        if self._faults.fires("token_expired", call):
            return _gateway("EGW00123", "기간이 만료된 token 입니다.")
        return None

    def after(self, call: str, answered: Answered) -> Answered:
        """What the client gets of a call that has been carried out; `CUT` is nothing."""
        if self._faults.fires("lost_answer", call):
            return CUT
        if self._faults.fires("server_error_after", call):
            return Answered(status=500, body=_HTML, headers={"tr_cont": ""})
        if self._faults.fires("gateway_timeout", call):
            return _gateway("EGW00302", "거래시간이 초과되었습니다. 직전 거래를 반드시 확인하시기 바랍니다.")
        if self._faults.fires("broken_json", call):
            return Answered(status=200, body=answered.body[: len(answered.body) // 2], headers=answered.headers)
        return answered

    def lateness(self, call: str) -> float:
        """Seconds by which the answer comes late, 0 if it does not."""
        late = self._faults.fires("late_answer", call)
        return 0.0 if late is None else late.seconds

    async def take_turns(self, call: str) -> None:
        """Hold an answer back until the next one has gone, or for as long as the rule says."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.set()
            return
        rule = self._faults.fires("reordered_answer", call)
        if rule is None:
            return
        self._waiting = mine = asyncio.Event()
        try:
            await asyncio.wait_for(mine.wait(), rule.seconds)
        except TimeoutError:
            self._waiting = None
        else:
            await asyncio.sleep(0.01)  # lets the other answer go first
