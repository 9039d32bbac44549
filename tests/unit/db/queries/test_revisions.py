"""What was done to messages later: what counts of it, how a message stands then, and what that costs."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from random import Random

import pytest
from chatroom.db.engine import begin_write, open_engine
from chatroom.db.migrate import upgrade_schema
from chatroom.db.queries import messages, revisions
from chatroom.db.records import MessageDraft, MessageRevision, StoredMessage
from chatroom.db.schema import revisions as table
from sqlalchemy import Connection, Engine, func, select

from tests.unit.db.people import NOW, make_account, make_room, rows_scanned


class Scene:
    """A room in which Alice and Bob speak; each message is a second later than the one before."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.alice, self.bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        self.here = make_room(connection, "here", self.alice)
        self._numbers = count(1)

    def say(self, kind: str, text: str = "", target: int | None = None, *, bob: bool = False) -> int:
        """Something is said, or done; its seq."""
        author, name = (self.bob, "Bob") if bob else (self.alice, "Alice")
        number = next(self._numbers)
        draft = MessageDraft(self.here, author, name, name, kind, text, str(number), target)
        heads = messages.lock_heads(self.connection, [self.here])
        [outcome] = messages.append_messages(self.connection, heads, [draft], NOW + number * 1000)
        if kind in revisions.CHANGE_KINDS:
            revisions.record_change(self.connection, outcome.stored)
        return outcome.stored.seq

    def chance(self, chance: Random) -> None:
        """Something is said, or something is done to what was said and stands."""
        kind = chance.choice(["delete", "text"] + ["edit", "unreact"] * 2 + ["react"] * 3)
        standing = [one.seq for one in self.page() if one.kind == "text" and one.text]
        if kind == "text" or not standing:
            self.say("text", f"text {chance.random()}")
            return
        texts = {"edit": f"edit {chance.random()}", "delete": ""}
        text = texts.get(kind, chance.choice("👍🎉"))
        self.say(kind, text, chance.choice(standing), bob=chance.random() < 0.5)

    def page(self) -> list[StoredMessage]:
        return revisions.latest_states(
            self.connection, messages.message_page(self.connection, self.here, limit=1000)[0]
        )

    def texts(self) -> list[str]:
        return [stored.text for stored in self.page()]

    def revision(self, seq: int = 1) -> MessageRevision | None:
        return self.page()[seq - 1].revision

    def reactions(self) -> dict[str, list[str]]:
        revision = self.revision()
        return {} if revision is None else revision.reactions

    def counting(self) -> int:
        return self.connection.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    with begin_write(engine) as connection:
        yield Scene(connection)


def test_a_message_that_nothing_was_done_to_is_as_it_was_said(scene: Scene) -> None:
    scene.say("text", "hi")
    assert scene.page() == messages.message_page(scene.connection, scene.here, limit=1)[0]
    assert scene.revision() is None
    assert revisions.latest_states(scene.connection, []) == []


def test_an_edited_message_has_the_text_of_its_last_edit(scene: Scene) -> None:
    scene.say("text", "teh")
    scene.say("edit", "the", target=1)
    assert scene.page()[0].text == "the"
    assert scene.revision() == MessageRevision(edited_at=NOW + 2000)
    scene.say("edit", "The", target=1)
    assert scene.page()[0].text == "The"
    assert scene.revision() == MessageRevision(edited_at=NOW + 3000)


def test_what_was_edited_away_is_not_to_be_read_anywhere(scene: Scene) -> None:
    scene.say("text", "my password is 111111")
    scene.say("edit", "my password is 11", target=1)
    scene.say("edit", "nothing", target=1)
    assert scene.texts() == ["nothing", "nothing", "nothing"]


def test_what_was_deleted_is_not_to_be_read_anywhere(scene: Scene) -> None:
    scene.say("text", "secret")
    scene.say("edit", "Secret", target=1)
    scene.say("react", "👍", target=1, bob=True)
    scene.say("delete", target=1)
    assert scene.texts() == ["", "", "👍", ""]
    assert scene.revision() == MessageRevision(deleted=True)


def test_the_row_keeps_what_was_said_for_whoever_sends_it_again(scene: Scene) -> None:
    scene.say("text", "first")
    scene.say("edit", "second", target=1)
    scene.say("delete", target=1)
    again = MessageDraft(scene.here, scene.alice, "Alice", "Alice", "text", "first", "1")
    found = messages.find_duplicate(scene.connection, again)
    assert found is not None
    assert found.verdict is messages.AppendVerdict.DUPLICATE


def test_reactions_stand_in_their_order_with_those_who_reacted(scene: Scene) -> None:
    scene.say("text", "lunch?")
    scene.say("react", "👍", target=1, bob=True)
    scene.say("react", "🎉", target=1)
    scene.say("react", "👍", target=1)
    assert scene.reactions() == {"👍": ["Bob", "Alice"], "🎉": ["Alice"]}


def test_the_same_reaction_again_changes_nothing(scene: Scene) -> None:
    scene.say("text", "lunch?")
    scene.say("react", "👍", target=1)
    scene.say("react", "👍", target=1, bob=True)
    scene.say("react", "👍", target=1)
    assert scene.reactions() == {"👍": ["Alice", "Bob"]}


def test_a_reaction_is_taken_back_by_whoever_made_it_and_for_nobody_else(scene: Scene) -> None:
    scene.say("text", "lunch?")
    scene.say("react", "👍", target=1)
    scene.say("unreact", "👍", target=1, bob=True)
    scene.say("unreact", "🎉", target=1)
    assert scene.reactions() == {"👍": ["Alice"]}
    scene.say("unreact", "👍", target=1)
    assert scene.reactions() == {}


def test_reactions_are_compared_by_their_code_points(scene: Scene) -> None:
    scene.say("text", "lunch?")
    for text in ("yes", "Yes", "é", "e\u0301", "👍", "👍🏽", "🍣", "🍺"):
        scene.say("react", text, target=1)
    assert list(scene.reactions()) == ["yes", "Yes", "é", "e\u0301", "👍", "👍🏽", "🍣", "🍺"]


def test_an_edit_leaves_the_reactions_alone(scene: Scene) -> None:
    scene.say("text", "lunch?")
    scene.say("react", "👍", target=1, bob=True)
    scene.say("edit", "dinner?", target=1)
    assert scene.revision() == MessageRevision(edited_at=NOW + 3000, reactions={"👍": ["Bob"]})


def test_a_reply_changes_nothing(scene: Scene) -> None:
    scene.say("text", "lunch?")
    scene.say("text", "yes", target=1, bob=True)
    assert scene.texts() == ["lunch?", "yes"]
    assert scene.revision(1) is None
    assert scene.revision(2) is None


def test_of_all_that_is_done_only_what_counts_is_remembered(scene: Scene) -> None:
    """Whoever edits and reacts a thousand times must not make the page slow for everybody."""
    scene.say("text", "hi")
    for number in range(20):
        scene.say("edit", str(number), target=1)
        scene.say("react", "👍", target=1)
        scene.say("unreact", "👍", target=1)
    scene.say("react", "👍", target=1, bob=True)
    assert scene.counting() == 2
    scene.say("delete", target=1)
    assert scene.counting() == 1


class Reader:
    """A client: it begins with a page, and applies to that whatever is told it later, in order."""

    def __init__(self, page: list[StoredMessage]) -> None:
        self.texts = {one.seq: one.text for one in page if one.kind in messages.SPOKEN_KINDS}
        self.edited = {one.seq: one.revision.edited_at for one in page if one.revision}
        self.deleted = {one.seq for one in page if one.revision and one.revision.deleted}
        self.reactions = {one.seq: deepcopy(one.revision.reactions) for one in page if one.revision}

    def apply(self, told: StoredMessage) -> None:
        target = told.target or 0
        match told.kind:
            case "text":
                self.texts[told.seq] = told.text
            case "edit":
                self.texts[target], self.edited[target] = told.text, told.sent_at
            case "delete":
                self.deleted.add(target)
                self.texts[target] = ""
                self.edited.pop(target, None)
                self.reactions.pop(target, None)
            case "react":
                usernames = self.reactions.setdefault(target, {}).setdefault(told.text, [])
                usernames += [] if told.username in usernames else [told.username]
            case "unreact":
                usernames = self.reactions.setdefault(target, {}).get(told.text, [])
                usernames[:] = [name for name in usernames if name != told.username]

    def sees(self) -> dict[int, object]:
        return {
            seq: (text, self.edited.get(seq), seq in self.deleted, self._standing(seq))
            for seq, text in self.texts.items()
        }

    def _standing(self, seq: int) -> dict[str, list[str]]:
        return {text: names for text, names in self.reactions.get(seq, {}).items() if names}


def test_whoever_applies_all_that_is_told_ends_with_what_a_fresh_page_shows(scene: Scene) -> None:
    """Also whoever is told once more what the page had in it already, as after a lost connection."""
    chance, readers, told = Random(7), [], list[StoredMessage]()
    for _ in range(30):
        readers.append((len(told), Reader(scene.page())))
        for _ in range(8):
            scene.chance(chance)
        told = messages.message_page(scene.connection, scene.here, limit=1000)[0]
    fresh = Reader(scene.page()).sees()
    assert fresh
    for began, reader in readers:
        for one in told[max(0, began - 20) :]:
            reader.apply(one)
        assert reader.sees() == fresh


def test_messages_of_several_conversations_stand_as_they_stand_in_each(scene: Scene) -> None:
    here = scene.here
    scene.say("text", "here")
    scene.here = make_room(scene.connection, "there", scene.alice)
    scene.say("text", "there")
    scene.say("edit", "There", target=1)
    both = [revisions.find_message(scene.connection, place, 1) for place in (here, scene.here)]
    assert [stored and stored.text for stored in both] == ["here", "There"]
    mixed = messages.message_page(scene.connection, here, limit=9)[0] + scene.page()[:1]
    assert [stored.text for stored in revisions.latest_states(scene.connection, mixed)] == ["here", "There"]


def test_only_what_people_call_a_message_is_found_as_one(scene: Scene) -> None:
    scene.say("enter")
    scene.say("action", "waves")
    scene.say("edit", "smiles", target=2)
    found = [revisions.find_message(scene.connection, scene.here, seq) for seq in (0, 1, 2, 3, 4)]
    assert [stored and stored.text for stored in found] == [None, None, "smiles", None, None]


def test_mysql_does_not_walk_what_people_said_for_what_they_did(mysql_url: str) -> None:
    """It would if it came from the authors, of whom there are few."""
    engine = open_engine(mysql_url)
    upgrade_schema(engine)
    with begin_write(engine) as connection:
        scene = Scene(connection)
        for _ in range(300):
            scene.say("text", "hi")
        for seq in range(1, 301):
            scene.say("edit", "ho", target=seq)
        page, _ = messages.message_page(connection, scene.here, before=21, limit=20)
        before = rows_scanned(connection)
        assert {stored.text for stored in revisions.latest_states(connection, page)} == {"ho"}
        assert rows_scanned(connection) - before < 100
    engine.dispose()
