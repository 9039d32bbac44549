"""What one can do in conversations: enter, say, leave. The controller between network and state.

Everything that the server says comes through ``_receive``, in one order, and changes the state through
``apply`` alone. Requests raise ``Refused`` or ``ConnectionLost`` to whoever made them. ``Reading``, below
this, fetches
what one looks at, ``Session`` keeps somebody logged in; ``App`` puts typed lines on top.

When a session begins or goes on (``_begun``), what was missed is fetched, and the courier goes on with what
is unconfirmed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from chatroom.client import background
from chatroom.client.core.backfill import Backfill
from chatroom.client.core.command_target import command_target
from chatroom.client.core.history import Reading
from chatroom.client.core.outbox import Outbox
from chatroom.client.core.outbox_sender import OutboxSender
from chatroom.client.core.session import expect
from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientNote, ClientState, ConnectionState, PendingMessage
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.net.known_servers import KnownServers
from chatroom.client.net.reconnect import Timeouts
from chatroom.client.storage.config import ClientConfig
from chatroom.client.text import i18n
from chatroom.protocol import events, requests, responses, values
from chatroom.protocol.cids import new_cid
from chatroom.protocol.frame import UNSET, UnsetType

PASSWORD_HELPS = frozenset({"wrong_room_password", "invitation_needed", "bad_invitation"})
"""Codes after which a room might be entered with its password."""


class Chat(Reading):
    """One user's client.

    The hooks are the front end's to set. ``on_seek`` shows a message, or says that there is no way to.
    ``on_refused`` hears of each written line that will never be stored.
    ``on_secret`` asks the user for a password, in the words of a key and its facts; it raises ``Refused``
    where nobody can be asked or nothing is answered. ``on_confirm`` asks a question that is in words already;
    it is ``None`` where there is no terminal to ask at.
    """

    def __init__(
        self,
        config: ClientConfig,
        trust: KnownServers,
        outboxes: Path,
        *,
        pace: Timeouts | None = None,
        fill: bool = False,
    ) -> None:
        super().__init__(ClientState(ignored=set(config.ignored)), trust, pace)
        self.config = config
        self.done = asyncio.Event()  # the user wants to go
        self.quiet = False  # whether to read and write in rooms of mine without entering them
        self.on_screen = False  # whether where one is can be seen, and need not be said
        self.saving: asyncio.Task[None] | None = None
        self.found: list[values.Message] = []  # by the last search, the newest first
        self.on_note: Callable[[ClientNote], None] = lambda note: None
        self.on_refused: Callable[[PendingMessage], None] = self._tell_refused
        self.on_seek: Callable[[str, int], bool] = lambda name, seq: False
        self.on_frame: Callable[[responses.AnyResponse | events.AnyEvent], None] = lambda frame: None
        self.on_secret: Callable[[str, dict[str, object]], Awaitable[str]] = _nobody
        self.on_confirm: Callable[[str], Awaitable[bool]] | None = None
        self._outboxes = outboxes
        self._outbox: Outbox | None = None
        self._courier: OutboxSender | None = None
        self._giving_up: set[str] = set()  # rooms whose seat, or which, this client has given up itself
        self._turns = 0  # how often the user has turned to another conversation
        apart = partial(self.insist, apart=True)
        self._catchup = Backfill(self.state, self.insist, apart, lambda: self.on_change(), fill=fill)

    # The session

    async def login(self, username: str, password: str) -> None:
        """Log in, and stay so over lost connections. Raises ``Refused``."""
        await super().login(username, password)
        self._open_outbox()
        apply.set_attention(self.state, self._attention())
        self._begin()
        self.config.server, self.config.username = self.state.server, self.state.username
        self.config.save_config("server", "username")
        self.config.notices.listen(self._tell_of_file)

    def quit(self) -> None:
        """The user wants to go; the front end ends, and then calls ``close``."""
        self.done.set()

    async def settled(self) -> None:
        """Wait until what was said has its answer, nothing is missing, and nothing is being saved."""
        await self._confirmed()
        await self.saved()

    async def saved(self) -> None:
        """Wait until nothing is being saved. Who waits no longer does not end it by that."""
        if self.saving is not None:
            await asyncio.wait([self.saving])

    async def confirmed(self) -> None:
        """Wait until what was said is confirmed, but not for long, and not at all for a lost connection."""
        if self.state.link is ConnectionState.LOGGED_IN:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.moment):
                    await self._confirmed()

    # Conversations

    @property
    def here(self) -> str:
        """The conversation in which a command was entered; outside of commands, the one in sight."""
        target = command_target.get()
        return self.state.current if target is None else target.name

    def switch(self, name: str) -> None:
        """Look at another conversation; the empty name is the home screen.

        A command that took long does not turn away a user who has turned elsewhere meanwhile.
        """
        target = command_target.get()
        if target is None:
            self._turns += 1
        else:
            target.name = name
            if self.on_screen and target.turns != self._turns:
                return
        super().switch(name)

    async def enter(self, name: str, nickname: str = "", password: str | UnsetType = UNSET) -> str:
        """Enter a room or a private chat, by default under the nickname last used there.

        Returns its name as it was first written.
        """
        nickname = nickname or select.default_nickname(self.state, name)
        if name.startswith("@"):
            frame = requests.EnterDirect(id=0, username=name[1:], nickname=nickname)
            answer = expect(await self.ask(frame), responses.Entered)
            return answer.friend.friend if answer.friend else name
        code = UNSET if password is not UNSET else self._code(name)
        room = requests.EnterRoom(id=0, room=name, nickname=nickname, password=password, invitation=code)
        answer = expect(await self.ask(room), responses.Entered)
        name = answer.room.room if answer.room else name
        self._giving_up.discard(name)
        self.spawn(self._list_members(name))
        return name

    async def get_in(self, name: str, nickname: str = "") -> str:
        """``enter``, and ask the user for the password where a room takes one."""
        try:
            return await self.enter(name, nickname)
        except Refused as refused:
            if refused.code not in PASSWORD_HELPS:
                raise
            try:
                password = await self.secret("prompt.room_password", room=name)
            except Refused:
                raise refused from None
        return await self.enter(name, nickname, password)

    async def give_up(self, request: requests.ResignRoom | requests.CloseRoom) -> None:
        """Give up a seat, or delete a room. The event that the server sends of it is no news then."""
        self._giving_up.add(request.room)
        try:
            await self.ask(request)
        except (Refused, ConnectionLost):
            self._giving_up.discard(request.room)
            raise
        if request.room in (self.here, self.state.current):
            self.switch("")

    async def leave(self, name: str) -> None:
        if name.startswith("@"):
            await self.ask(requests.LeaveDirect(id=0, username=name[1:]))
        else:
            await self.ask(requests.LeaveRoom(id=0, room=name))

    def write(self, name: str, text: str, kind: requests.SentKind = "text", target: int = 0) -> None:
        """Say something, or do something to the message whose seq is ``target``.

        It is in the outbox when this returns, and on its way. Raises ``Refused`` if it cannot be.
        """
        one = self.state.conversations.get(name)
        if one is None:
            raise Refused("not_logged_in" if self._courier is None else "nowhere")
        inside = one.entered or (one.member and (self.quiet or not self._present.is_set()))
        if one.is_room and not inside:
            raise Refused("not_entered", {"conversation": name})
        self.send(self.compose(name, text, kind, target))

    def compose(
        self, name: str, text: str, kind: requests.SentKind = "text", target: int = 0
    ) -> PendingMessage:
        """A message for ``send`` or ``keep``. Raises ``Refused`` if it can never be sent."""
        if (limits := self.state.limits) and len(text) > limits.text > 0:
            raise Refused("text_too_long", {"limit": limits.text})
        return PendingMessage(new_cid(), name, text, kind=kind, target=target, written_at=_now())

    def keep(self, pending: PendingMessage) -> None:
        """Keep a message in the outbox until it is sent or forgotten. Raises ``Refused``."""
        if self._courier is None:
            raise Refused("not_logged_in")
        self._courier.keep(pending)

    def send(self, pending: PendingMessage) -> None:
        """Put a message into the outbox and send it. Raises ``Refused``."""
        if self._courier is None:
            raise Refused("not_logged_in")
        self._courier.add_message(pending)
        self.on_change()

    def forget(self, pending: PendingMessage, code: str, facts: dict[str, object]) -> None:
        """A message that was kept will not be sent."""
        pending.error, pending.facts = code, facts
        if self._courier is not None:
            self._courier.forget(pending)
        self.on_refused(pending)

    async def secret(self, key: str, /, **facts: object) -> str:
        """Ask the user for a password. Raises ``Refused``."""
        return await self.on_secret(key, facts)

    async def new_secret(self, key: str, /) -> str:
        """Ask for a password that is to hold from now on: twice, as nobody sees what is typed."""
        password = await self.secret(key)
        if await self.secret(f"{key}_again") != password:
            raise Refused("mismatch")
        return password

    async def confirm(self, key: str, /, command: str = "", **facts: object) -> None:
        """Ask the user before something is done that cannot be undone. Raises ``Refused`` unless it is to be.

        ``command``: how to confirm in advance, which is needed where there is no terminal to ask at.
        """
        if self.on_confirm is None:
            if command:
                raise Refused("needs_yes", {"command": command})
        elif not await self.on_confirm(i18n.translate(key, **facts)):
            raise Refused("cancelled")

    def note(self, key: str, /, *, error: bool = False, **facts: object) -> ClientNote:
        """Say something to the user where they are looking. The note may be brought up to date later."""
        return self._note(key, facts, error)

    def note_error(self, error: Refused | ConnectionLost) -> None:
        """Say what went wrong: in words of its code, or the bare code of a newer server's."""
        if isinstance(error, ConnectionLost):
            self.note("not_connected", error=True)
        elif i18n.is_code(error.code):
            self._note(error.code, error.details, True)
        else:
            self.note("unknown_code", error=True, code=error.code)

    def _tell_of_file(self, key: str, facts: dict[str, object]) -> None:
        """Of a kept file that was damaged, or a disk that takes nothing."""
        self._note(key, facts, False, warning=True)

    def _note(self, key: str, facts: dict[str, object], error: bool, *, warning: bool = False) -> ClientNote:
        one = self.state.conversations.get(self.here)
        after = one.timeline.last if one else 0
        note = ClientNote(key, facts, error, at=_now(), conversation=self.here, after=after, warning=warning)
        apply.add_note(self.state, note)
        self.on_note(note)
        self.on_change()
        return note

    def ignore(self, username: str, ignored: bool) -> None:
        """Show, or show no longer, what this account says."""
        apply.set_ignored(self.state, username, ignored)
        self.config.ignored = sorted(self.state.ignored)
        self.config.save_config("ignored")
        self.on_change()

    def attend(self, name: str, choice: str) -> None:
        """Choose what in a conversation is worth a call; ``""``: what is so everywhere."""
        kept = f"{self._account}/{name}"
        self.config.attention.pop(kept, None)
        if choice:
            self.config.attention[kept] = choice
        self.config.save_config("attention")
        apply.set_attention(self.state, self._attention())
        self.on_change()

    # Inside

    @property
    def _account(self) -> str:
        return f"{self.state.username}@{self.state.server}"

    def _attention(self) -> dict[str, str]:
        """What this account has chosen to be called for, by conversation."""
        prefix = f"{self._account}/"
        kept = self.config.attention.items()
        return {name.removeprefix(prefix): choice for name, choice in kept if name.startswith(prefix)}

    async def _confirmed(self) -> None:
        if self._courier is not None:
            await self._courier.wait_until_answered()
        await self._catchup.wait_until_complete()

    def _receive(
        self, asked: requests.AnyRequest | None, told: responses.AnyResponse | events.AnyEvent
    ) -> None:
        if isinstance(told, events.Event):
            apply.apply_event(self.state, told)
        elif asked is not None:
            apply.apply_answer(self.state, asked, told)
        match told:
            case events.Message(message=message):
                self._catchup.fetch_missing(message.conversation)
            case responses.Sent() if isinstance(asked, requests.Send):
                self._catchup.fetch_missing(asked.to)
            case events.Room(room=room) if room.member:
                self._catchup.fetch_missing(room.room)
                self._check_roster(room)
            case events.Friend(friend=friend, ended=ended):
                self._catchup.fetch_missing(friend.friend)
                self.note("unfriended_by" if ended is True else "befriended_by", username=friend.friend[1:])
            case events.Invited(room=room, username=username):
                self.note("invited_by", username=username, room=room.room)
            case events.Removed(room=name, reason=reason):
                self._removed(name, f"removed.{reason}")
        self.on_frame(told)
        self.on_change()

    def _refused(self, pending: PendingMessage) -> None:
        """A message will never be stored."""
        apply.refuse_pending(self.state, pending.cid, pending.error, pending.facts)
        self.on_refused(pending)

    def _tell_refused(self, pending: PendingMessage) -> None:
        """Say so with its text, unless it stands in sight with the reason."""
        if not self.on_screen or pending.conversation != self.state.current:
            why = i18n.refusal(pending.error, pending.facts)
            self.note("refused", error=True, conversation=pending.conversation, text=pending.text, why=why)

    def _removed(self, name: str, key: str) -> None:
        """A room is ours no longer: nobody should go on looking at it."""
        if self.state.current == name:
            self.switch("")
        if name in self._giving_up and key in ("removed.close", "removed.resign"):
            self._giving_up.discard(name)
            return
        self.note(key if i18n.has_translation(key) else "removed.kick", error=True, room=name)

    def _open_outbox(self) -> None:
        assert self._link is not None
        account = self.state.username, self.state.server
        self._outbox = Outbox(self._outboxes, *account, self.config.notices)
        self._courier = OutboxSender(
            self.state,
            self._link,
            self._outbox,
            self.ask,
            self.enter,
            lambda: self.on_change(),
            self._refused,
            quiet=self.quiet,
        )
        self._lasting.append(background.keep_running(self._courier.run_sending))

    def _begun(self) -> None:
        assert self._courier is not None
        self._catchup.check_conversations()
        self._catchup.find_mentions()
        self._courier.session_started()
        self.spawn(self._list_rooms())
        if (one := select.current_conversation(self.state)) is not None and one.is_room and one.member:
            self.spawn(self._list_members(one.name))

    def _interrupted(self) -> None:
        self._catchup.cancel_fetches()

    def _seats_lost(self, rooms: list[str]) -> None:
        for name in rooms:
            self.spawn(self._tell_seat_lost(name))

    async def _tell_seat_lost(self, name: str) -> None:
        """Say why a seat is gone: the server can still tell whether the room exists."""
        key = "removed.meanwhile"
        try:
            await self.insist(requests.History(id=0, conversation=name, limit=1), apart=True)
            return  # a member again by now
        except Refused as error:
            if error.code == "unknown_room":
                key = "removed.gone"
        except ConnectionLost:
            pass
        self._removed(name, key)

    async def _return(self, inside: list[str]) -> None:
        if self.state.away:
            await self.ask(requests.SetAway(id=0, text=self.state.away))
        for name in inside:
            try:
                await self.enter(name)
            except Refused as error:
                self.note_error(error)

    def _forget(self) -> None:
        super()._forget()
        if self.saving is not None:
            self.saving.cancel()
            self.saving = None
        self.found = []
        if self._outbox is not None:
            self._outbox.close()
        self._outbox = self._courier = None

    async def _list_rooms(self) -> None:
        await self.insist(requests.ListRooms(id=0))

    def _check_roster(self, room: values.Room) -> None:
        """Somebody took or gave up a seat."""
        roster = self.state.conversations[room.room].roster
        if roster and len(roster) != room.members:
            self.spawn(self._list_members(room.room))


async def _nobody(key: str, facts: dict[str, object]) -> str:
    raise Refused("cancelled")


def _now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
