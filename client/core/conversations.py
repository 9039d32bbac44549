"""Entering and leaving conversations, and which one is shown.

To *enter* a conversation is to take part in it; to *show* one is to put it on the screen.
"""

from collections.abc import Iterable
from contextlib import suppress

from chatroom.client.core.command_target import command_target, target_name
from chatroom.client.core.front_end import FrontEnd
from chatroom.client.core.history import HistoryPager
from chatroom.client.core.notes import Notes
from chatroom.client.core.prompts import UserPrompts
from chatroom.client.core.requester import Requester, expect
from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientState
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.text import i18n
from chatroom.protocol import requests, responses, values
from chatroom.protocol.frame import UNSET, UnsetType

PASSWORD_HELPS = frozenset({"wrong_room_password", "invitation_needed", "bad_invitation"})
"""Codes after which the room's password may open it."""


class Conversations:
    """The rooms and private chats of the user."""

    def __init__(
        self,
        state: ClientState,
        requests: Requester,
        history: HistoryPager,
        prompts: UserPrompts,
        notes: Notes,
        front_end: FrontEnd,
    ) -> None:
        self._state = state
        self._requests = requests
        self._history = history
        self._prompts = prompts
        self._notes = notes
        self._front_end = front_end
        self._giving_up: set[str] = set()  # rooms that this client is resigning or closing
        self._switches = 0

    @property
    def switches(self) -> int:
        """How often the user has switched to another conversation."""
        return self._switches

    def show(self, name: str) -> None:
        """Show a conversation; the empty name is the home screen.

        A command does not switch away from a conversation to which the user has switched since.
        """
        target = command_target.get()
        if target is None:
            self._switches += 1
        else:
            target.name = name
            if self._front_end.is_full_screen and target.switches != self._switches:
                return
        apply.switch_to(self._state, name)
        if name:
            self._history.load_shown(name)
        self._front_end.state_changed()

    async def enter(self, name: str, nickname: str = "") -> str:
        """Enter a conversation, by default under the last nickname there. Ask for a room's password.

        Return its name as it was first written. Raises ``Refused`` or ``ConnectionLost``.
        """
        try:
            return await self._enter(name, nickname)
        except Refused as refused:
            if refused.code not in PASSWORD_HELPS:
                raise
            try:
                password = await self._prompts.ask_password("prompt.room_password", room=name)
            except Refused:
                raise refused from None
        return await self._enter(name, nickname, password)

    async def enter_again(self, name: str) -> str:
        """As ``enter``, under the last nickname, without a question to the user, and only as a member."""
        return await self._enter_as_member(name)

    async def enter_all_again(self, names: list[str]) -> None:
        """Enter conversations again; show why one refuses. Raises ``ConnectionLost``."""
        for name in names:
            try:
                await self._enter_as_member(name)
            except Refused as error:
                if error.code != "not_a_member":  # the event ``removed`` is shown instead
                    self._notes.show_error(error)

    async def leave(self, name: str) -> None:
        """Leave a conversation; a room's seat stays. Raises ``Refused`` or ``ConnectionLost``."""
        if name.startswith("@"):
            await self._requests.ask(requests.LeaveDirect(id=0, username=name[1:]))
        else:
            await self._requests.ask(requests.LeaveRoom(id=0, room=name))

    async def give_up(self, request: requests.ResignRoom | requests.CloseRoom) -> None:
        """Give up a seat, or close a room. The event that the server then sends causes no note."""
        self._giving_up.add(request.room)
        try:
            await self._requests.ask(request)
        except (Refused, ConnectionLost):
            self._giving_up.discard(request.room)
            raise
        if request.room in (target_name(self._state), self._state.current):
            self.show("")

    async def refresh_rooms(self) -> None:
        """Load the list of rooms. Raises ``Refused`` or ``ConnectionLost``."""
        await self._requests.ask_all_pages(requests.ListRooms(id=0), retry=True)

    async def find_renamed(self, names: Iterable[str]) -> None:
        """Ask for rooms by names that they may have had before. Raises ``ConnectionLost``."""
        for name in names:
            with suppress(Refused):
                await self._requests.ask_with_retry(requests.ShowRoom(id=0, room=name))

    async def load_friends(self, cursor: str) -> None:
        """Load the friends after those that the login listed. Raises ``Refused`` or ``ConnectionLost``."""
        await self._requests.ask_all_pages(requests.ListFriends(id=0, cursor=cursor), retry=True)

    def refresh_members(self) -> None:
        """Load the members of the room that is shown, if one is."""
        conversation = select.current_conversation(self._state)
        if conversation is not None and conversation.is_room and conversation.member:
            self._history.load_members(conversation.name)

    def messages_erased(self, name: str) -> None:
        """A deleted account's messages were erased: load what is shown again."""
        if self._state.current == name:
            self._history.load_shown(name)
        if (conversation := self._state.conversations[name]).is_room and conversation.roster:
            self._history.load_members(name)

    def room_changed(self, room: values.Room) -> None:
        """Load the members again if their number shows that one has joined or resigned."""
        roster = self._state.conversations[room.room].roster
        if roster and len(roster) != room.members:
            self._history.load_members(room.room)

    def room_removed(self, name: str, reason: str) -> None:
        """The user is no longer a member of a room: show the home screen and the reason."""
        if self._state.current == name:
            self.show("")
        if name in self._giving_up and reason in ("close", "resign"):
            self._giving_up.discard(name)
            return
        key = f"removed.{reason}"
        self._notes.show(key if i18n.has_translation(key) else "removed.kick", error=True, room=name)

    async def report_lost_seat(self, name: str) -> None:
        """Show why a seat was lost while the client was offline: ask whether the room still exists."""
        reason = "meanwhile"
        try:
            frame = requests.History(id=0, conversation=name, limit=1)
            await self._requests.ask_with_retry(frame, update_state=False)
            return  # a member again
        except Refused as error:
            if error.code == "unknown_room":
                reason = "gone"
        except ConnectionLost:
            pass
        self.room_removed(name, reason)

    async def _enter_as_member(self, name: str) -> str:
        """Enter without taking a seat: the user may have lost it since."""
        try:
            return await self._enter(name, member_only=True)
        except Refused as error:
            if error.code != "bad_frame":
                raise
        return await self._enter(name)  # an older server does not know ``member_only``

    async def _enter(
        self,
        name: str,
        nickname: str = "",
        password: str | UnsetType = UNSET,
        *,
        member_only: bool | UnsetType = UNSET,
    ) -> str:
        nickname = nickname or select.default_nickname(self._state, name)
        if name.startswith("@"):
            direct = requests.EnterDirect(id=0, username=name[1:], nickname=nickname)
            answer = expect(await self._requests.ask(direct), responses.Entered)
            return answer.friend.friend if answer.friend else name
        is_new = password is UNSET and member_only is UNSET
        room = requests.EnterRoom(
            id=0,
            room=name,
            nickname=nickname,
            password=password,
            invitation=self._requests.invitation_code(name) if is_new else UNSET,
            member_only=member_only,
        )
        answer = expect(await self._requests.ask(room), responses.Entered)
        name = answer.room.room if answer.room else name
        self._giving_up.discard(name)
        self._history.load_members(name)
        return name
