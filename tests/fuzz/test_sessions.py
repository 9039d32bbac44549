"""Sessions that send arbitrary requests: each is answered once, and the server logs no error."""

from tests.conftest import Serve
from tests.fuzz.sessions import run_machine


def test_sessions_with_arbitrary_requests_are_answered(serve: Serve) -> None:
    run_machine(serve(), examples=5, steps=15)
