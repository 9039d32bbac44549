"""Who is writing something just now: told to those who could read it, and kept nowhere.

It is a hint, given from what this process remembers: who has a session on another server process is not told.
"""

import time

from protocol import labels, requests, responses
from protocol.errors import NotEntered, NotFriends, RateLimited, Refusal
from server.announcer import Announcer
from server.handlers.common import account_of
from server.live import Directory, Seat, Speaker
from server.replies import Reply


class Typing:
    def __init__(self, directory: Directory, announcer: Announcer) -> None:
        self._directory = directory
        self._announcer = announcer

    def typing(self, speaker: Speaker, request: requests.Typing) -> Reply:
        account = account_of(speaker)
        seat = self._directory.find_seat(account, request.conversation)
        if seat is None or not seat.may_send:
            raise _refusal(request.conversation, seat)
        if wait := speaker.hints.take(time.monotonic()):
            raise RateLimited(retry_after=round(wait, 3))
        self._announcer.typing(account, seat)
        return responses.Ok(id=request.id)


def _refusal(conversation: str, seat: Seat | None) -> Refusal:
    """Why somebody cannot be typing there. Whether a room exists is not told to whoever has no seat in it."""
    label = conversation if seat is None else seat.label
    if labels.is_direct(label):
        return NotFriends(username=labels.username(label))
    return NotEntered(conversation=labels.room(label))
