"""Strategies for Hypothesis that generate valid frames from the types of their fields."""

import types
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec import UNSET, Meta, UnsetType

from chatroom.protocol import events, requests, responses
from chatroom.protocol.frame import MAX_INTEGER

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
"""Characters that a line may contain: no NUL, and no halves of surrogate pairs."""

scalars = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | text
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=9
)

PLAIN: dict[Any, SearchStrategy[Any]] = {
    str: text,
    int: st.integers(-MAX_INTEGER, MAX_INTEGER),
    bool: st.booleans(),
    Any: scalars,
    types.NoneType: st.none(),
    UnsetType: st.just(UNSET),
    requests.Cid: st.from_regex("[!-~]{1,64}", fullmatch=True),
}


@cache
def of(kind: Any) -> SearchStrategy[Any]:
    """Any value of a type that a field can have."""
    if kind in PLAIN:
        return PLAIN[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return st.one_of([of(member) for member in arguments])
    if origin is Annotated:
        return _within(*arguments)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is list:
        return st.lists(of(arguments[0]), max_size=3)
    if origin is tuple:
        return st.tuples(*(of(member) for member in arguments))
    if origin is dict:
        return st.dictionaries(of(arguments[0]), of(arguments[1]), max_size=3)
    return frame(kind)


def _within(kind: type, meta: Meta) -> SearchStrategy[Any]:
    if kind is int:
        # ``Meta`` takes floats as well; ours are integers.
        return st.integers(meta.ge, meta.le)  # type: ignore[arg-type]
    return st.text(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
        min_size=meta.min_length or 0,
        max_size=meta.max_length,
    )


def frame(kind: type[msgspec.Struct]) -> SearchStrategy[Any]:
    """Any frame, or part of one, of a class."""
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{name: of(hints[name]) for name in kind.__struct_fields__})


any_request = of(requests.AnyRequest)
any_response = of(responses.AnyResponse)
any_event = of(events.AnyEvent)
