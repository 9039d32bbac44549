"""Edits, deletions and reactions: which are in effect, how a message looks then, and the cost of
reading it.
"""

from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from random import Random

import pytest
from sqlalchemy import Connection, Engine, func, select

from chatroom.db.engine import begin_write, open_engine
from chatroom.db.migrate import upgrade_schema
from chatroom.db.queries import messages, revisions
from chatroom.db.records import MessageDraft, MessageRevision, StoredMessage
from chatroom.db.schema import revisions as table
from tests.unit.db.builders import NOW, make_account, make_room, rows_scanned


class RevisionScenario:
    """A room with messages of Alice and Bob; each is a second later than the previous one."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.alice, self.bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        self.room_id = make_room(connection, "here", self.alice)
        self._numbers = count(1)

    def append(self, kind: str, text: str = "", target: int | None = None, *, bob: bool = False) -> int:
        """Append a message or a change. Returns its seq."""
        author, name = (self.bob, "Bob") if bob else (self.alice, "Alice")
        number = next(self._numbers)
        draft = MessageDraft(self.room_id, author, name, name, kind, text, str(number), target)
        heads = messages.lock_heads(self.connection, [self.room_id])
        [outcome] = messages.append_messages(self.connection, heads, [draft], NOW + number * 1000)
        if kind in revisions.CHANGE_KINDS:
            revisions.record_change(self.connection, outcome.stored)
        return outcome.stored.seq

    def random_change(self, chance: Random) -> None:
        """Append a random message, or a random change to an existing one."""
        kind = chance.choice(["delete", "text"] + ["edit", "unreact"] * 2 + ["react"] * 3)
        standing = [message.seq for message in self.page() if message.kind == "text" and message.text]
        if kind == "text" or not standing:
            self.append("text", f"text {chance.random()}")
            return
        texts = {"edit": f"edit {chance.random()}", "delete": ""}
        text = texts.get(kind, chance.choice("👍🎉"))
        self.append(kind, text, chance.choice(standing), bob=chance.random() < 0.5)

    def page(self) -> list[StoredMessage]:
        return revisions.latest_states(
            self.connection, messages.message_page(self.connection, self.room_id, limit=1000)[0]
        )

    def texts(self) -> list[str]:
        return [stored.text for stored in self.page()]

    def revision(self, seq: int = 1) -> MessageRevision | None:
        return self.page()[seq - 1].revision

    def reactions(self) -> dict[str, list[str]]:
        revision = self.revision()
        return {} if revision is None else revision.reactions

    def effective_count(self) -> int:
        return self.connection.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.fixture
def scene(engine: Engine) -> Iterator[RevisionScenario]:
    with begin_write(engine) as connection:
        yield RevisionScenario(connection)


def test_unchanged_message_has_no_revision(scene: RevisionScenario) -> None:
    scene.append("text", "hi")
    assert scene.page() == messages.message_page(scene.connection, scene.room_id, limit=1)[0]
    assert scene.revision() is None
    assert revisions.latest_states(scene.connection, []) == []


def test_edited_message_has_text_of_last_edit(scene: RevisionScenario) -> None:
    scene.append("text", "teh")
    scene.append("edit", "the", target=1)
    assert scene.page()[0].text == "the"
    assert scene.revision() == MessageRevision(edited_at=NOW + 2000)
    scene.append("edit", "The", target=1)
    assert scene.page()[0].text == "The"
    assert scene.revision() == MessageRevision(edited_at=NOW + 3000)


def test_replaced_text_is_not_visible(scene: RevisionScenario) -> None:
    scene.append("text", "my password is 111111")
    scene.append("edit", "my password is 11", target=1)
    scene.append("edit", "nothing", target=1)
    assert scene.texts() == ["nothing", "nothing", "nothing"]


def test_deleted_text_is_not_visible(scene: RevisionScenario) -> None:
    scene.append("text", "secret")
    scene.append("edit", "Secret", target=1)
    scene.append("react", "👍", target=1, bob=True)
    scene.append("delete", target=1)
    assert scene.texts() == ["", "", "👍", ""]
    assert scene.revision() == MessageRevision(deleted=True)


def test_resend_of_changed_message_is_duplicate(scene: RevisionScenario) -> None:
    scene.append("text", "first")
    scene.append("edit", "second", target=1)
    scene.append("delete", target=1)
    again = MessageDraft(scene.room_id, scene.alice, "Alice", "Alice", "text", "first", "1")
    duplicate = messages.find_duplicate(scene.connection, again)
    assert duplicate is not None
    assert duplicate.verdict is messages.AppendVerdict.DUPLICATE


def test_reactions_keep_order_and_usernames(scene: RevisionScenario) -> None:
    scene.append("text", "lunch?")
    scene.append("react", "👍", target=1, bob=True)
    scene.append("react", "🎉", target=1)
    scene.append("react", "👍", target=1)
    assert scene.reactions() == {"👍": ["Bob", "Alice"], "🎉": ["Alice"]}


def test_repeated_reaction_changes_nothing(scene: RevisionScenario) -> None:
    scene.append("text", "lunch?")
    scene.append("react", "👍", target=1)
    scene.append("react", "👍", target=1, bob=True)
    scene.append("react", "👍", target=1)
    assert scene.reactions() == {"👍": ["Alice", "Bob"]}


def test_unreact_removes_only_own_reaction(scene: RevisionScenario) -> None:
    scene.append("text", "lunch?")
    scene.append("react", "👍", target=1)
    scene.append("unreact", "👍", target=1, bob=True)
    scene.append("unreact", "🎉", target=1)
    assert scene.reactions() == {"👍": ["Alice"]}
    scene.append("unreact", "👍", target=1)
    assert scene.reactions() == {}


def test_reactions_are_compared_by_code_points(scene: RevisionScenario) -> None:
    scene.append("text", "lunch?")
    for text in ("yes", "Yes", "é", "e\u0301", "👍", "👍🏽", "🍣", "🍺"):
        scene.append("react", text, target=1)
    assert list(scene.reactions()) == ["yes", "Yes", "é", "e\u0301", "👍", "👍🏽", "🍣", "🍺"]


def test_edit_keeps_reactions(scene: RevisionScenario) -> None:
    scene.append("text", "lunch?")
    scene.append("react", "👍", target=1, bob=True)
    scene.append("edit", "dinner?", target=1)
    assert scene.revision() == MessageRevision(edited_at=NOW + 3000, reactions={"👍": ["Bob"]})


def test_reply_changes_nothing(scene: RevisionScenario) -> None:
    scene.append("text", "lunch?")
    scene.append("text", "yes", target=1, bob=True)
    assert scene.texts() == ["lunch?", "yes"]
    assert scene.revision(1) is None
    assert scene.revision(2) is None


def test_only_effective_changes_are_stored(scene: RevisionScenario) -> None:
    """A thousand edits and reactions must not make the page slow."""
    scene.append("text", "hi")
    for number in range(20):
        scene.append("edit", str(number), target=1)
        scene.append("react", "👍", target=1)
        scene.append("unreact", "👍", target=1)
    scene.append("react", "👍", target=1, bob=True)
    assert scene.effective_count() == 2
    scene.append("delete", target=1)
    assert scene.effective_count() == 1


class ReplayClient:
    """A client: it begins with a page and applies all later messages in order."""

    def __init__(self, page: list[StoredMessage]) -> None:
        self.texts = {message.seq: message.text for message in page if message.kind in messages.SPOKEN_KINDS}
        self.edited = {message.seq: message.revision.edited_at for message in page if message.revision}
        self.deleted = {message.seq for message in page if message.revision and message.revision.deleted}
        self.reactions = {
            message.seq: deepcopy(message.revision.reactions) for message in page if message.revision
        }

    def apply(self, message: StoredMessage) -> None:
        target = message.target or 0
        match message.kind:
            case "text":
                self.texts[message.seq] = message.text
            case "edit":
                self.texts[target], self.edited[target] = message.text, message.sent_at
            case "delete":
                self.deleted.add(target)
                self.texts[target] = ""
                self.edited.pop(target, None)
                self.reactions.pop(target, None)
            case "react":
                usernames = self.reactions.setdefault(target, {}).setdefault(message.text, [])
                usernames += [] if message.username in usernames else [message.username]
            case "unreact":
                usernames = self.reactions.setdefault(target, {}).get(message.text, [])
                usernames[:] = [name for name in usernames if name != message.username]

    def visible(self) -> dict[int, object]:
        return {
            seq: (text, self.edited.get(seq), seq in self.deleted, self._standing(seq))
            for seq, text in self.texts.items()
        }

    def _standing(self, seq: int) -> dict[str, list[str]]:
        return {text: names for text, names in self.reactions.get(seq, {}).items() if names}


def test_replayed_changes_match_fresh_page(scene: RevisionScenario) -> None:
    """Also if changes that the page included are delivered again, as after a lost connection."""
    chance, readers, stored = Random(7), [], list[StoredMessage]()
    for _ in range(30):
        readers.append((len(stored), ReplayClient(scene.page())))
        for _ in range(8):
            scene.random_change(chance)
        stored = messages.message_page(scene.connection, scene.room_id, limit=1000)[0]
    fresh = ReplayClient(scene.page()).visible()
    assert fresh
    for began, reader in readers:
        for message in stored[max(0, began - 20) :]:
            reader.apply(message)
        assert reader.visible() == fresh


def test_latest_states_of_several_conversations(scene: RevisionScenario) -> None:
    first_room = scene.room_id
    scene.append("text", "here")
    scene.room_id = make_room(scene.connection, "there", scene.alice)
    scene.append("text", "there")
    scene.append("edit", "There", target=1)
    both = [revisions.find_message(scene.connection, room_id, 1) for room_id in (first_room, scene.room_id)]
    assert [stored and stored.text for stored in both] == ["here", "There"]
    mixed = messages.message_page(scene.connection, first_room, limit=9)[0] + scene.page()[:1]
    assert [stored.text for stored in revisions.latest_states(scene.connection, mixed)] == ["here", "There"]


def test_find_message_skips_system_messages_and_changes(scene: RevisionScenario) -> None:
    scene.append("enter")
    scene.append("action", "waves")
    scene.append("edit", "smiles", target=2)
    targets = [revisions.find_message(scene.connection, scene.room_id, seq) for seq in (0, 1, 2, 3, 4)]
    assert [stored and stored.text for stored in targets] == [None, None, "smiles", None, None]


def test_mysql_latest_states_scan_few_rows(mysql_url: str) -> None:
    """It would scan many if it began with the authors, of whom there are few."""
    engine = open_engine(mysql_url)
    upgrade_schema(engine)
    with begin_write(engine) as connection:
        scene = RevisionScenario(connection)
        for _ in range(300):
            scene.append("text", "hi")
        for seq in range(1, 301):
            scene.append("edit", "ho", target=seq)
        page, _ = messages.message_page(connection, scene.room_id, before=21, limit=20)
        before = rows_scanned(connection)
        assert {stored.text for stored in revisions.latest_states(connection, page)} == {"ho"}
        assert rows_scanned(connection) - before < 100
    engine.dispose()
