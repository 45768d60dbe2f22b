"""A folded account at a close, as it is kept: what it depends on, the orders that may still get news, and its arrays.

The columns of the long logs are kept in the narrowest integers that hold them, which makes them a fifth as large.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.ledger.account_checkpoints import StoredCheckpoint, seal
from engine.ledger.canonical import canonical_json
from engine.ledger.codec import request_from_plain
from engine.ledger.journal import Head
from engine.order import OrderRequest
from engine.reports.language import Text

FORMAT = 1  # raise when the meaning of anything kept changes
_NARROW = (np.int8, np.int16, np.int32, np.int64)
_FASTEST = 1  # of zlib; more saves a tenth of the bytes in three times the time

Integers = NDArray[Any]

DAMAGED = Text("저장한 내용이 손상되었습니다", "it is damaged")
OTHER_FORMAT = Text("다른 판의 형식입니다", "it has the format of another version")
OTHER_CODE = Text("계산하는 프로그램이 바뀌었습니다", "the program that folds has changed")
OTHER_SETTINGS = Text("설정이 바뀌었습니다", "the configuration has changed")
OTHER_RULES = Text("다른 규칙의 것입니다", "it belongs to other rules")
OTHER_DATA = Text("그날까지의 데이터가 바뀌었습니다", "the data up to that day has changed")
OTHER_JOURNAL = Text("다른 장부의 것입니다", "it belongs to another journal")
OTHER_RESUMES = Text("정지를 푼 기록이 바뀌었습니다", "a halt before it has been lifted since")
LATE_NEWS = Text("그날보다 앞선 일이 나중에 기록되었습니다", "something that happened before it was told later")


class Unfit(Exception):
    """A kept account may not be used here; the journal is folded instead.

    Args:
        reason: in both languages.
    """

    def __init__(self, reason: Text) -> None:
        super().__init__(reason.en)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldOrder:
    """An order that may still get news.

    Args:
        order_id: ours.
        request: as it stands after amends.
        row: bar in which it was sent.
        index: in the log of orders.
        filled: shares.
    """

    order_id: str
    request: OrderRequest
    row: int
    index: int
    filled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a folded account depends on beside the journal.

    Args:
        rules: digest of the rules, "" where none had decided yet.
        since: bar from which they decided, -1 where none had.
        first: bar before the account's first.
        config: digest of the configuration.
        code: digest of the program.
        data: digest of the market up to the close.
        resumed: halts that had been lifted before it.
    """

    rules: str
    since: int
    first: int
    config: str
    code: str
    data: str
    resumed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """An account at the close of a bar, before anything is decided on it.

    Args:
        row: the bar.
        setting: what it depends on.
        head: last row of the journal that was known.
        begin: row after which the journal has to be read again.
        pending: events up to `head` that belong to later bars.
        orders: that may still get news.
        names: ids of rules, as they stand together in orders.
        arrays: what `AccountBook.used` gives, `named` the place in `names` of every order in the log, -1 = no event.
    """

    row: int
    setting: Setting
    head: Head
    begin: Head
    pending: tuple[int, ...]
    orders: tuple[ToldOrder, ...]
    names: tuple[tuple[str, ...], ...]
    arrays: Mapping[str, Integers | list[Integers]]

    @property
    def decides(self) -> bool:
        """Whether rules had decided before it; else it serves any rules that begin to decide later."""
        return self.setting.rules != ""


def narrowed(array: NDArray[np.int64]) -> list[Integers]:
    """The columns of a log, each in as few bytes as it needs; a copy."""
    columns = []
    for column in range(array.shape[1]):
        values = array[:, column]
        low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
        kind = next(kind for kind in _NARROW if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
        columns.append(values.astype(kind))
    return columns


# To bytes and back -----------------------------------------------------------------------------------------------


def pack(checkpoint: Checkpoint) -> StoredCheckpoint:
    """The form in which it is kept."""
    layout, parts = [], []
    for name, kept in checkpoint.arrays.items():
        for array in kept if isinstance(kept, list) else [kept]:
            layout.append([name, array.dtype.str, list(array.shape), isinstance(kept, list)])
            parts.append(np.ascontiguousarray(array).tobytes())
    header = {
        "format": FORMAT,
        "setting": checkpoint.setting,
        "head": checkpoint.head,
        "begin": checkpoint.begin,
        "pending": checkpoint.pending,
        "orders": checkpoint.orders,
        "names": checkpoint.names,
        "layout": layout,
    }
    return seal(
        StoredCheckpoint(
            row=checkpoint.row,
            decides=checkpoint.decides,
            header=canonical_json(header),
            content=zlib.compress(b"".join(parts), _FASTEST),
        )
    )


def unpack(stored: StoredCheckpoint) -> Checkpoint:
    """What `pack` was given.

    Raises:
        Unfit: it is damaged, or of another version.
    """
    if not stored.is_whole:
        raise Unfit(DAMAGED)
    header = json.loads(stored.header)
    if header["format"] != FORMAT:
        raise Unfit(OTHER_FORMAT)
    content, place = zlib.decompress(stored.content), 0
    arrays: dict[str, Any] = {}
    for name, kind, shape, is_column in header["layout"]:
        count = int(np.prod(shape))
        array = np.frombuffer(content, dtype=kind, count=count, offset=place).reshape(shape)
        place += array.nbytes
        if is_column:
            arrays.setdefault(name, []).append(array)
        else:
            arrays[name] = array
    setting = header["setting"]
    return Checkpoint(
        row=stored.row,
        setting=Setting(**{**setting, "resumed": tuple(setting["resumed"])}),
        head=Head(**header["head"]),
        begin=Head(**header["begin"]),
        pending=tuple(header["pending"]),
        orders=tuple(
            ToldOrder(**{**order, "request": request_from_plain(order["request"])}) for order in header["orders"]
        ),
        names=tuple(tuple(names) for names in header["names"]),
        arrays=arrays,
    )
