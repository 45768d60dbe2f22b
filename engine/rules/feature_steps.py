"""One step of the feature graph: a kernel, where it reads and where it writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.rules.feature_slots import ActionBook, MarketArrays, Slot, Source
from engine.rules.kernels_cross import gather, gather_panel, restate

Kernel = Callable[..., None]


@dataclass(frozen=True)
class Restatement:
    """How to evaluate a finite window that spans a corporate action: a kernel over the scaled series of one name."""

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
        book, width = block.book, self.out.width
        for action, column, begin, end in book.spanned(block.row_from, block.row_to, how.span):
            first, rows = begin - how.span, end - begin
            arguments: list[Any] = []
            for source in how.inputs:
                series = np.empty(rows + how.span)
                at = source.at + (first - block.row_from) * width
                if isinstance(source, Source):
                    gather_panel(series, source.values, at, width, column, block.state)
                else:
                    gather(series, source.values, at, width, column)
                if source.dimension.degree:
                    factors = book.factors(source.dimension.degree)
                    restate(series, first, action, book.row, book.previous, *factors)
                arguments += [series, how.span]
            values = np.empty(rows, self.out.values.dtype)
            how.kernel(values, 0, rows, 1, *arguments, *how.parameters)
            start = self.out.at + (begin - block.row_from) * width + column
            self.out.values[start : start + (rows - 1) * width + 1 : width] = values


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
