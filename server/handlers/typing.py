"""Typing notifications, sent to the members that could read the message, and not stored.

Sessions on other server processes receive them as hints, if there is a cluster.
"""

from chatroom.protocol import labels, requests, responses
from chatroom.protocol.errors import NotEntered, NotFriends, Refusal
from chatroom.server.domain.request_checks import check_rate, speaker_account
from chatroom.server.results import Reply
from chatroom.server.state.directory import LiveDirectory, LiveSeat, Speaker
from chatroom.server.state.notifier import EventNotifier


class TypingHandlers:
    def __init__(self, directory: LiveDirectory, notifier: EventNotifier) -> None:
        self._directory = directory
        self._notifier = notifier

    def typing(self, speaker: Speaker, request: requests.Typing) -> Reply:
        account = speaker_account(speaker)
        seat = self._directory.find_seat(account, request.conversation)
        if seat is None or not seat.may_send:
            raise _typing_refusal(request.conversation, seat)
        check_rate(speaker.hints)
        self._notifier.user_typing(account, seat)
        return responses.Ok(id=request.id)


def _typing_refusal(conversation: str, seat: LiveSeat | None) -> Refusal:
    """Return why an account cannot type there. Without a seat, it does not reveal whether a room exists."""
    label = conversation if seat is None else seat.label
    if labels.is_direct(label):
        return NotFriends(username=labels.direct_username(label))
    return NotEntered(conversation=labels.room_label(label))
