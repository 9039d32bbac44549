"""The base of every frame: one JSON object on one line, tagged by ``"type"``."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""

Whole = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
Natural = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Positive = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]

MAX_RETENTION_DAYS = 36_500
"""A hundred years."""

Days = Annotated[int, Meta(ge=0, le=MAX_RETENTION_DAYS)]

Id = Whole | Annotated[str, Meta(max_length=64)]
"""A request's id, chosen by the client and repeated in the response."""


SECRETS = frozenset({"invitation", "new_password", "password", "token"})
"""Fields that never appear in a log or an error message."""


def masked_repr(struct: msgspec.Struct) -> str:
    """Return a ``repr`` without secrets, for logs and errors."""
    fields = ((name, getattr(struct, name)) for name in struct.__struct_fields__)
    shown = (f"{name}={'***' if name in SECRETS else repr(v)}" for name, v in fields if v is not UNSET)
    return f"{type(struct).__name__}({', '.join(shown)})"


class Frame(msgspec.Struct, tag_field="type", frozen=True, kw_only=True):
    """Any line: a request, a response or an event."""

    def __repr__(self) -> str:
        return masked_repr(self)


def snake_case(name: str) -> str:
    """``EnterRoom`` -> ``enter_room``: a frame's tag is its class's name."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


__all__ = [
    "MAX_INTEGER",
    "MAX_RETENTION_DAYS",
    "UNSET",
    "Days",
    "Frame",
    "Id",
    "Natural",
    "Positive",
    "UnsetType",
    "Whole",
    "masked_repr",
    "snake_case",
]
