"""Typing notifications, sent to the members that could read the message, and not stored.

Sessions on other server processes receive them as hints, if there is a cluster.
"""

from functools import partial

from chatroom.db.queries import messages
from chatroom.db.queries.messages import KnownHead
from chatroom.protocol import labels, requests, responses
from chatroom.protocol.errors import NotEntered, NotFriends, Refusal
from chatroom.server.domain.request_checks import check_rate, speaker_account
from chatroom.server.results import ReadWork, Reply
from chatroom.server.state.directory import LiveDirectory, LiveSeat, Speaker
from chatroom.server.state.notifier import EventNotifier


class TypingHandlers:
    """``shared``: other processes use the database too, and may have removed members; then the members that
    are known here are compared with the database first.
    """

    def __init__(self, directory: LiveDirectory, notifier: EventNotifier, *, shared: bool) -> None:
        self._shared = shared
        self._directory = directory
        self._notifier = notifier

    def typing(self, speaker: Speaker, request: requests.Typing) -> Reply:
        account = speaker_account(speaker)
        seat = self._directory.find_seat(account, request.conversation)
        if seat is None or not seat.may_send:
            raise _typing_refusal(request.conversation, seat)
        check_rate(speaker.hints)
        answer = responses.Ok(id=request.id)
        if not self._shared:
            self._notifier.user_typing(account, seat)
            return answer
        id = seat.conversation.id

        def then(heads: dict[int, KnownHead]) -> responses.Response:
            if id in heads and heads[id].roster == seat.conversation.roster:
                self._notifier.user_typing(account, seat)
            return answer

        return ReadWork(partial(messages.read_heads, conversation_ids=[id]), then)


def _typing_refusal(conversation: str, seat: LiveSeat | None) -> Refusal:
    """Return why an account cannot type there. Without a seat, it does not reveal whether a room exists."""
    label = conversation if seat is None else seat.label
    if labels.is_direct(label):
        return NotFriends(username=labels.direct_username(label))
    return NotEntered(conversation=labels.room_label(label))
