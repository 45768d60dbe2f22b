"""A named tuple passed by reference inside compiled code.

Numba passes a tuple by value: the market and the book are some eighty words, copied at every call of every small
function. `bundle(tuple)` puts the tuple into the stack frame of the entry point and passes its address instead.
The address is valid while the entry point runs, so a bundle never leaves compiled code.
"""

from __future__ import annotations

from typing import Any

from numba.core import cgutils, types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, models, register_model

__all__ = ["bundle"]


class Bundle(types.Type):
    """Address of a named tuple; its fields are read like those of the tuple."""

    def __init__(self, content: types.NamedTuple) -> None:
        self.content = content
        super().__init__(name=f"geoul.Bundle({content})")


@register_model(Bundle)
class _BundleModel(models.OpaqueModel):
    pass


@intrinsic
def bundle(typing_context: Any, content: Any) -> Any:
    """The tuple by reference, for functions called from here."""
    view = Bundle(content)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = cgutils.alloca_once_value(builder, arguments[0])
        return builder.bitcast(place, context.get_value_type(view))

    return view(content), build


@infer_getattr
class _BundleAttributes(AttributeTemplate):
    key = Bundle

    def generic_resolve(self, value: Any, attribute: str) -> Any:  # type: ignore[override]
        """Type of a field; None where the tuple has no such field."""
        fields = value.content.fields
        return value.content.types[fields.index(attribute)] if attribute in fields else None


@lower_getattr_generic(Bundle)
def _read_field(context: Any, builder: Any, view: Any, value: Any, attribute: str) -> Any:
    struct = context.get_value_type(view.content).as_pointer()
    place = view.content.fields.index(attribute)
    return builder.load(cgutils.gep_inbounds(builder, builder.bitcast(value, struct), 0, place))
