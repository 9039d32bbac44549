"""The table of requests: whatever the protocol has, somebody answers."""

from typing import get_args
from unittest.mock import Mock

from chatroom.protocol import requests
from chatroom.server import dispatch


def test_every_request_has_a_row() -> None:
    parts = [Mock()] * (dispatch.build_table.__code__.co_argcount)
    assert set(dispatch.build_table(*parts)) == set(get_args(requests.AnyRequest))
