"""Counters of connections, sessions and requests, for ``/metrics``: plain numbers, changed on the event loop
and read by another thread at any time.
"""

from collections import Counter

from chatroom.protocol.errors import ChatError
from chatroom.protocol.requests import Login, Request, Resume


class SessionStatistics:
    def __init__(self) -> None:
        self.opened = 0  # connections that were admitted
        self.requests: Counter[type[Request]] = Counter()
        self.refusals: Counter[str] = Counter()  # by code; with answers to lines that are no request
        self.logins: Counter[tuple[type[Request], str]] = Counter()  # by request, and code or "ok"
        self.closings: Counter[str] = Counter()  # connections that the server closed, by code
        self.deliveries = 0  # messages to sessions

    def count_closing(self, reason: ChatError | None) -> None:
        if reason is not None:
            self.closings[reason.code] += 1

    def count_login(self, request: Request, result: str) -> None:
        """Count the result of a request, if it is a login."""
        if isinstance(request, Login | Resume):
            self.logins[type(request), result] += 1
