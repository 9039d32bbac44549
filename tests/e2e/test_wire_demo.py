"""The demonstration of the course report, step by step, over plain sockets and on both databases.

Alice registers, makes friends and rooms, chats with Bob; Carol finds the room full; a private chat follows;
and all of it is still there after the server was restarted.
"""

from tests.conftest import Serve
from tests.support.processes import Server, Wire


def test_demonstration_on_sockets(serve: Serve, database_url: str) -> None:
    server = serve("--database", database_url)
    register(server)
    alice, bob, carol = (server.connect().login(username) for username in ("Alice", "Bob", "Carol"))
    the_home_screen(alice)
    making_friends(alice, bob)
    entering_a_room(alice, bob)
    a_full_room(alice, bob, carol)
    chatting(alice, bob)
    a_private_chat(alice, bob, carol)
    logging_out(alice)
    server.restart()
    everything_is_still_there(server)


def register(server: Server) -> None:
    """Names have 2 to 10 characters, passwords at least 6; ``111111`` is accepted."""
    wire = server.connect()
    assert wire.refusal("register", username="A", password="111111") == "bad_username"
    assert wire.refusal("register", username="Alice", password="11111") == "bad_password"
    for username in ("Alice", "Bob", "Carol", "Dave"):
        assert wire.request("register", username=username, password="111111")["type"] == "ok"
    assert wire.refusal("register", username="Alice", password="222222") == "username_taken"
    assert wire.refusal("login", username="A", password="111111") == "bad_username"
    assert wire.refusal("login", username="Eve", password="111111") == "unknown_user"
    assert wire.refusal("login", username="Alice", password="222222") == "wrong_password"


def the_home_screen(alice: Wire) -> None:
    """There are no rooms; a new room has a capacity of five and no members."""
    assert (alice.session["rooms"], alice.session["friends"]) == ([], [])
    alice.request("create_room", room="thuhole", capacity=5)
    (room,) = alice.request("list_rooms")["rooms"]
    assert (room["room"], room["members"], room["capacity"]) == ("#thuhole", 0, 5)


def making_friends(alice: Wire, bob: Wire) -> None:
    for username in ("Bob", "Carol", "Dave"):
        alice.request("add_friend", username=username)
    friends = [friend["friend"] for friend in alice.request("list_friends")["friends"]]
    assert friends == ["@Bob", "@Carol", "@Dave"]
    assert [friend["friend"] for friend in bob.request("list_friends")["friends"]] == ["@Alice"]
    assert alice.refusal("add_friend", username="Bob") == "already_friends"
    assert alice.refusal("add_friend", username="Alice") == "self_friend"
    assert alice.refusal("add_friend", username="Eve") == "unknown_user"


def entering_a_room(alice: Wire, bob: Wire) -> None:
    """A member enters with a new nickname each time; the history has the notices."""
    assert alice.refusal("enter_room", room="thuhule", nickname="ALICE") == "unknown_room"
    alice.request("enter_room", room="thuhole", nickname="ALICE")
    alice.request("leave_room", room="thuhole")
    bob.request("enter_room", room="thuhole", nickname="BOB")
    entered = alice.request("enter_room", room="thuhole", nickname="哈哈")
    assert entered["members"] == ["Alice", "Bob"]
    assert [(message["kind"], message["nickname"]) for message in entered["messages"]] == [
        ("enter", "ALICE"), ("leave", "ALICE"), ("enter", "BOB"), ("enter", "哈哈"),
    ]  # fmt: skip


def a_full_room(alice: Wire, bob: Wire, carol: Wire) -> None:
    """A room with a capacity of two is full with two members, present or not."""
    bob.request("create_room", room="test_chat", capacity=2)
    bob.request("enter_room", room="test_chat", nickname="BOB")
    alice.request("enter_room", room="test_chat", nickname="ALICE")
    assert carol.refusal("enter_room", room="test_chat", nickname="CAROL") == "room_full"
    members = alice.request("list_members", room="test_chat")["members"]
    assert [member["username"] for member in members] == ["Alice", "Bob"]


def chatting(alice: Wire, bob: Wire) -> None:
    sent = [(bob, "test"), (bob, "Hello World!"), (alice, "你好!"), (alice, "你是mm还是gg")]
    for speaker, text in sent:
        speaker.request("send", to="#test_chat", text=text)
    for listener in (alice, bob):
        received = [listener.message(kind="text", conversation="#test_chat") for _ in sent]
        assert [(message["nickname"], message["text"]) for message in received] == [
            (speaker.username.upper(), text) for speaker, text in sent
        ]


def a_private_chat(alice: Wire, bob: Wire, carol: Wire) -> None:
    """Private messages need a friendship, and only the two friends receive them."""
    assert carol.refusal("enter_direct", username="Bob", nickname="CAROL") == "not_friends"
    alice.request("enter_direct", username="Bob", nickname="ALICE")
    alice.request("send", to="@Bob", text="sefwef")
    alice.request("leave_direct", username="Bob")
    received = [bob.message(conversation="@Alice") for _ in range(3)]
    assert [(message["kind"], message["text"]) for message in received] == [
        ("enter", ""), ("text", "sefwef"), ("leave", ""),
    ]  # fmt: skip
    assert carol.refusal("history", conversation="@Bob") == "not_friends"
    assert carol.request("search", query="sefwef")["messages"] == []


def logging_out(alice: Wire) -> None:
    alice.request("logout")
    assert alice.refusal("list_rooms") == "not_logged_in"
    assert alice.login("Alice").session["username"] == "Alice"


def everything_is_still_there(server: Server) -> None:
    alice = server.connect().login("Alice")
    assert [room["room"] for room in alice.session["rooms"]] == ["#test_chat", "#thuhole"]
    messages = alice.request("history", conversation="#test_chat")["messages"]
    texts = [message["text"] for message in messages if message["kind"] == "text"]
    assert texts == ["test", "Hello World!", "你好!", "你是mm还是gg"]
    private = server.connect().login("Bob").request("history", conversation="@Alice")["messages"]
    assert [message["kind"] for message in private] == ["enter", "text", "leave"]
