"""The table of requests: each request reaches the handler of its name, and no other."""

from collections.abc import Coroutine
from dataclasses import fields
from inspect import getmembers, isfunction
from typing import Any, get_args, get_type_hints
from unittest.mock import Mock, create_autospec

import pytest

from chatroom.protocol import requests, responses
from chatroom.protocol.frame import snake_case
from chatroom.server.dispatch import Handlers, build_table

REQUESTS = get_args(requests.AnyRequest)


@pytest.fixture
def handlers() -> dict[str, Mock]:
    """One mock for each handler, by its name."""
    classes = get_type_hints(Handlers)
    return {field.name: create_autospec(classes[field.name], instance=True) for field in fields(Handlers)}


def test_table_has_one_row_for_every_request(handlers: dict[str, Any]) -> None:
    assert REQUESTS
    assert set(build_table(Handlers(**handlers))) == set(REQUESTS)


@pytest.mark.parametrize("request_type", [kind for kind in REQUESTS if kind is not requests.Ping])
def test_request_reaches_only_the_handler_of_its_name(
    handlers: dict[str, Any], request_type: type[requests.Request]
) -> None:
    row = build_table(Handlers(**handlers))[request_type]
    speaker, request = Mock(), Mock()
    handled = row.handle(speaker, request)
    if isinstance(handled, Coroutine):
        handled.close()
    calls = [call for handler in handlers.values() for call in handler.mock_calls]
    assert [(name, arguments) for name, arguments, _ in calls] == [
        (snake_case(request_type.__name__), (speaker, request))
    ]


def test_ping_is_answered_without_a_handler(handlers: dict[str, Any]) -> None:
    row = build_table(Handlers(**handlers))[requests.Ping]
    assert row.handle(Mock(), requests.Ping(id=1)) == responses.Pong(id=1)
    assert not any(handler.mock_calls for handler in handlers.values())


def test_every_public_method_of_a_handler_answers_a_request() -> None:
    names = {snake_case(kind.__name__) for kind in REQUESTS}
    assert names
    for handler in get_type_hints(Handlers).values():
        public = [name for name, _ in getmembers(handler, isfunction) if not name.startswith("_")]
        assert public
        assert set(public) - {"apply_limits"} <= names, handler
