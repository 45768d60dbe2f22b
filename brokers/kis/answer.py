"""A good answer of KIS: the envelope around the blocks, read by the adapter and written by the server.

    {"rt_cd": "0", "msg_cd": "…", "msg1": "…", "output1": [...], "output2": {...}, "ctx_area_fk100": "…", …}

A block that holds nothing comes as [], as {} or not at all. Source: official samples (885dd4e) and the API workbook
of 2026-09-11, read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from brokers.kis.endpoint import Block, Endpoint, Shape
from brokers.kis.errors import BadAnswer
from brokers.kis.wire import R, Record, is_blank, read, to_wire
from engine.errors import BrokenInvariant

MORE_PAGES = frozenset({"F", "M"})
_CONTINUES = "KIOK0500"  # "조회가 계속됩니다"; says so even where the header is empty
_PADDED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What KIS answered to a call that it carried out.

    Args:
        endpoint: the call.
        code: msg_cd.
        text: msg1, without its padding.
        body: the JSON; kept out of the repr, because it echoes the account number.
        tr_cont: the header of the same name: F or M = more pages.
        server_time: of the header Date, None if it had none.
        hide: values that an error about this answer must not show.
    """

    endpoint: Endpoint
    code: str
    text: str
    body: Mapping[str, object] = field(repr=False)
    tr_cont: str = ""
    server_time: datetime | None = None
    hide: tuple[str, ...] = field(default=(), repr=False)

    @property
    def more(self) -> bool:
        """Whether another page follows."""
        return self.tr_cont in MORE_PAGES or (not self.tr_cont and self.code == _CONTINUES)

    def next_page(self) -> dict[str, str]:
        """The request fields that ask for the page after this one."""
        given = {str(key).lower(): value for key, value in self.body.items()}
        return {name: str(given.get(name.lower()) or "").strip() for name in self.endpoint.continuation}

    def rows(self, record: type[R]) -> tuple[R, ...]:
        """The rows of the block that holds `record`.

        Raises:
            BadAnswer: the block is no list of such rows.
        """
        block = self._block(record)
        raw = self._raw(block)
        if raw in (None, "", {}):
            return ()
        if isinstance(raw, Mapping):
            raw = [raw]  # a list of one has been seen without its brackets
        if not isinstance(raw, list):
            raise BadAnswer(self._where(block), "", raw, "a list of rows", self.hide)
        return tuple(
            read(record, row, f"{self._where(block)} row {number}", self.hide)
            for number, row in enumerate(raw, start=1)
            if block.positional or not _absent(block, row)
        )

    def maybe(self, record: type[R]) -> R | None:
        """The single row of the block that holds `record`, None if it holds nothing.

        Raises:
            BadAnswer: the block holds several rows, or is no such row.
        """
        block = self._block(record)
        raw = self._raw(block)
        if isinstance(raw, list):
            if len(raw) > 1:
                raise BadAnswer(self._where(block), "", f"{len(raw)} rows", "one row")
            raw = raw[0] if raw else None
        return None if is_blank(raw) else read(record, raw, self._where(block), self.hide)

    def one(self, record: type[R]) -> R:
        """The single row of the block that holds `record`.

        Raises:
            BadAnswer: there is none, or it is not as documented.
        """
        row = self.maybe(record)
        if row is None:
            raise BadAnswer(self._where(self._block(record)), "", None, "one row")
        return row

    def _block(self, record: type[Record]) -> Block:
        for block in self.endpoint.blocks:
            if block.record is record:
                return block
        raise BrokenInvariant(f"The KIS call {self.endpoint.name} does not answer {record.__name__}.")

    def _raw(self, block: Block) -> object:
        for key, value in self.body.items():
            if str(key).lower() == block.name:
                return value
        return None

    def _where(self, block: Block) -> str:
        return f"{self.endpoint.name} {block.name}"


def _absent(block: Block, row: object) -> bool:
    """Whether a row only fills a place: blanks, or a bar without its day."""
    if is_blank(row):
        return True
    if not block.key or not isinstance(row, Mapping):
        return False
    key = next((value for name, value in row.items() if str(name).lower() == block.key), None)
    return key is None or (isinstance(key, str) and not key.strip())


def answer_body(
    endpoint: Endpoint,
    blocks: Mapping[str, Record | Sequence[Record] | None],
    *,
    code: str = "MCA00000",
    text: str = "정상처리 되었습니다.",
    next_page: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """A good answer as KIS sends it; the inverse of `Answer`.

    Args:
        endpoint: the call.
        blocks: rows by the name of their block; what is not given is empty.
        code: msg_cd.
        text: msg1.
        next_page: values of the continuation fields, by their request names; none = the end.

    Raises:
        BrokenInvariant: a record stands in a block that is not its own.
    """
    strange = sorted(set(blocks) - {block.name for block in endpoint.blocks})
    if strange:
        raise BrokenInvariant(f"The KIS call {endpoint.name} has no block {', '.join(strange)}.")
    body: dict[str, object] = {"rt_cd": "0", "msg_cd": code, "msg1": text}
    for name in endpoint.continuation:
        body[name.lower()] = (next_page or {}).get(name, "").ljust(_PADDED)
    for block in endpoint.blocks:
        given = blocks.get(block.name)
        if given is None:
            body[block.name] = {} if block.shape is Shape.ROW else []
        elif block.shape is Shape.ROW:
            body[block.name] = _row(endpoint, block, given)
        else:
            rows = given if isinstance(given, Sequence) else [given]
            body[block.name] = [_row(endpoint, block, row) for row in rows]
    return body


def _row(endpoint: Endpoint, block: Block, row: object) -> dict[str, str]:
    if not isinstance(row, block.record):
        raise BrokenInvariant(f"{endpoint.name} {block.name} holds {block.record.__name__}, not {type(row).__name__}.")
    # Documented fields that Geoul does not know are named too: an absent number is "0", an absent text is "".
    rest = dict.fromkeys(block.other_numbers, "0") | dict.fromkeys(block.other_texts, "")
    return to_wire(row) | rest
