"""Light views of arrays for kernels: a pointer and a shape, nothing else.

A numpy array inside compiled code is a struct of nine or more values, with a reference count. The step passes some
twenty arrays through some sixty small functions; as arrays they take twice as long to compile as these views do.
`table(array)` and `row_of(array)` make the views inside an entry point; its caller keeps the arrays alive.

    table(orders)[index, ORDER_COL]     # one value
    order = table(orders)[index]        # a row; order[ORDER_COL] reads it, order[ORDER_COL] = 3 writes it
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import (
    intrinsic,
    lower_builtin,
    make_attribute_wrapper,
    models,
    register_model,
    type_callable,
)

from engine.kernel_cache import inner  # first: it tells numba where machine code is kept

__all__ = ["clear", "row_of", "table"]


class Row(types.Type):
    """One-dimensional view: `data` pointer and `size`."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"geoul.Row({dtype})")


class Table(types.Type):
    """Two-dimensional, row by row: `data` pointer, `width` (values a row) and `height` (rows)."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"geoul.Table({dtype})")


@register_model(Row)
class _RowModel(models.StructModel):
    def __init__(self, manager: Any, view: Row) -> None:
        members = [("data", types.CPointer(view.dtype)), ("size", types.intp)]
        super().__init__(manager, view, members)


@register_model(Table)
class _TableModel(models.StructModel):
    def __init__(self, manager: Any, view: Table) -> None:
        members = [("data", types.CPointer(view.dtype)), ("width", types.intp), ("height", types.intp)]
        super().__init__(manager, view, members)


make_attribute_wrapper(Row, "size", "size")
make_attribute_wrapper(Table, "width", "width")
make_attribute_wrapper(Table, "height", "height")


@intrinsic
def table(typing_context: Any, array: Any) -> Any:
    """View of a C-contiguous array; all dimensions after the first make up the width."""
    view = Table(array.dtype)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = context.make_array(signature.args[0])(context, builder, arguments[0])
        result = cgutils.create_struct_proxy(view)(context, builder)
        shape = cgutils.unpack_tuple(builder, source.shape)
        width = context.get_constant(types.intp, 1)
        for size in shape[1:]:
            width = builder.mul(width, size)
        result.data, result.width, result.height = source.data, width, shape[0]
        return result._getvalue()

    return view(array), build


@intrinsic
def row_of(typing_context: Any, array: Any) -> Any:
    """View of a contiguous one-dimensional array."""
    view = Row(array.dtype)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = context.make_array(signature.args[0])(context, builder, arguments[0])
        result = cgutils.create_struct_proxy(view)(context, builder)
        result.data, result.size = source.data, source.nitems
        return result._getvalue()

    return view(array), build


@type_callable(operator.getitem)
def _type_getitem(context: Any) -> Any:
    def typer(view: Any, index: Any) -> Any:
        if isinstance(view, Row) and isinstance(index, types.Integer):
            return view.dtype
        if isinstance(view, Table) and isinstance(index, types.Integer):
            return Row(view.dtype)
        if isinstance(view, Table) and isinstance(index, types.BaseTuple) and len(index) == 2:
            return view.dtype
        return None

    return typer


@type_callable(operator.setitem)
def _type_setitem(context: Any) -> Any:
    def typer(view: Any, index: Any, value: Any) -> Any:
        if isinstance(view, Row) and isinstance(index, types.Integer):
            return types.none
        if isinstance(view, Table) and isinstance(index, types.BaseTuple) and len(index) == 2:
            return types.none
        return None

    return typer


def _row_pointer(context: Any, builder: Any, view_type: Any, view: Any, index_type: Any, index: Any) -> Any:
    proxy = cgutils.create_struct_proxy(view_type)(context, builder, value=view)
    index = context.cast(builder, index, index_type, types.intp)
    # Negative indices count from the end, as everywhere in Python; constants fold away.
    negative = builder.icmp_signed("<", index, ir.Constant(index.type, 0))
    index = builder.select(negative, builder.add(index, proxy.size), index)
    return builder.gep(proxy.data, [index], inbounds=True)


def _cell_pointer(context: Any, builder: Any, view_type: Any, view: Any, index_type: Any, index: Any) -> Any:
    proxy = cgutils.create_struct_proxy(view_type)(context, builder, value=view)
    first, second = (
        context.cast(builder, part, part_type, types.intp)
        for part, part_type in zip(cgutils.unpack_tuple(builder, index, 2), index_type, strict=True)
    )
    place = builder.add(builder.mul(first, proxy.width), second)
    return builder.gep(proxy.data, [place], inbounds=True)


@lower_builtin(operator.getitem, Row, types.Integer)
def _get_row_item(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    pointer = _row_pointer(context, builder, signature.args[0], arguments[0], signature.args[1], arguments[1])
    return context.unpack_value(builder, signature.return_type, pointer)


@lower_builtin(operator.setitem, Row, types.Integer, types.Any)
def _set_row_item(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    view_type, index_type, value_type = signature.args
    pointer = _row_pointer(context, builder, view_type, arguments[0], index_type, arguments[1])
    value = context.cast(builder, arguments[2], value_type, view_type.dtype)
    context.pack_value(builder, view_type.dtype, value, pointer)
    return context.get_dummy_value()


@lower_builtin(operator.getitem, Table, types.BaseTuple)
def _get_cell(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    pointer = _cell_pointer(context, builder, signature.args[0], arguments[0], signature.args[1], arguments[1])
    return context.unpack_value(builder, signature.return_type, pointer)


@lower_builtin(operator.setitem, Table, types.BaseTuple, types.Any)
def _set_cell(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    view_type, index_type, value_type = signature.args
    pointer = _cell_pointer(context, builder, view_type, arguments[0], index_type, arguments[1])
    value = context.cast(builder, arguments[2], value_type, view_type.dtype)
    context.pack_value(builder, view_type.dtype, value, pointer)
    return context.get_dummy_value()


@lower_builtin(operator.getitem, Table, types.Integer)
def _get_row(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    view = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
    index = context.cast(builder, arguments[1], signature.args[1], types.intp)
    result = cgutils.create_struct_proxy(signature.return_type)(context, builder)
    result.data = builder.gep(view.data, [builder.mul(index, view.width)], inbounds=True)
    result.size = view.width
    return result._getvalue()


@inner
def clear(row):
    """Set every value of a row to zero."""
    for place in range(row.size):
        row[place] = 0
