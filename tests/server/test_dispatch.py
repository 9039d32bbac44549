"""The table of requests: whatever the protocol has, somebody answers."""

from typing import get_args
from unittest.mock import Mock

from protocol import requests
from server import dispatch


def test_every_request_has_a_row() -> None:
    parts = [Mock()] * (dispatch.table.__code__.co_argcount)
    assert set(dispatch.table(*parts)) == set(get_args(requests.AnyRequest))
