"""One step of the feature graph: a kernel, where it reads and where it writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.rules.feature_slots import ActionBook, MarketArrays, Slot, Source
from engine.rules.kernels_actions import gather, gather_panel, put_back, restate

Kernel = Callable[..., None]


@dataclass(frozen=True)
class Restatement:
    """How to evaluate a finite window that spans a corporate action: a kernel over scaled series."""

    kernel: Kernel
    inputs: tuple[Slot | Source, ...]
    parameters: tuple[Any, ...]
    span: int  # rows before today that the window reaches back


@dataclass(frozen=True)
class Block:
    """The rows being computed and what is common to all steps."""

    market: MarketArrays
    state: np.ndarray[Any, Any]
    book: ActionBook
    row_from: int
    row_to: int


class Step:
    """Calls `kernel(out, out_at, cells, width, input, input_at, …, *parameters)` once per block."""

    __slots__ = ("inputs", "kernel", "out", "parameters", "restatement")

    def __init__(
        self,
        kernel: Kernel,
        out: Slot,
        inputs: tuple[Slot | Source, ...],
        parameters: tuple[Any, ...] = (),
        restatement: Restatement | None = None,
    ) -> None:
        self.kernel, self.out, self.inputs = kernel, out, inputs
        self.parameters, self.restatement = parameters, restatement

    def run(self, block: Block) -> None:
        out = self.out
        arguments = [out.values, out.at, out.rows * out.width, out.width]
        for column in self.inputs:
            arguments.append(column.values)
            arguments.append(column.at)
        self.kernel(*arguments, *self.parameters)
        if self.restatement is not None and len(block.book):
            self._restate(block, self.restatement)

    def _restate(self, block: Block, how: Restatement) -> None:
        book, width, rows = block.book, self.out.width, block.row_to - block.row_from
        action = book.starting_at(block.row_from - how.span + 1)
        actions = book.starting_at(block.row_to) - action
        if actions == 0:
            return
        arguments: list[Any] = []
        for source in how.inputs:
            series = np.empty((rows + how.span) * actions)
            at = source.at - how.span * width
            if isinstance(source, Source):
                gather_panel(series, actions, source.values, at, width, book.column, action, block.state)
            else:
                gather(series, actions, source.values, at, width, book.column, action)
            if source.dimension.degree:
                factors = book.factors(source.dimension.degree)
                row = block.row_from - how.span
                restate(series, actions, row, action, book.row, book.previous, *factors)
            arguments += [series, how.span * actions]
        values = np.empty(rows * actions, self.out.values.dtype)
        how.kernel(values, 0, rows * actions, actions, *arguments, *how.parameters)
        places = (book.row, book.column, book.next_row, action)
        put_back(self.out.values, self.out.at, width, values, actions, block.row_from, how.span, *places)


class Recursion(Step):
    """A `smooth` step: the kernel also reads the calendar, for its restarts, and the corporate actions of the block."""

    __slots__ = ("ordinal",)

    def __init__(self, kernel: Kernel, out: Slot, x: Slot, ordinal: Source, parameters: tuple[Any, ...]) -> None:
        super().__init__(kernel, out, (x,), parameters)
        self.ordinal = ordinal

    def run(self, block: Block) -> None:
        out, x, book = self.out, self.inputs[0], block.book
        degree = x.dimension.degree
        action = book.starting_at(block.row_from) if degree else len(book)
        self.kernel(
            *(out.values, out.at, out.rows * out.width, out.width, x.values, x.at),
            *(self.ordinal.values, self.ordinal.at, book.row, action, book.column, *book.factors(degree)),
            *self.parameters,
        )


class Fill:
    """Fills a slot by numpy: constants and the few series that have one value a row."""

    __slots__ = ("out", "values_of")

    def __init__(self, out: Slot, values_of: Callable[[MarketArrays, int, int], Any]) -> None:
        self.out, self.values_of = out, values_of

    def run(self, block: Block) -> None:
        self.out.block()[:, 0] = self.values_of(block.market, block.row_from, block.row_to)
