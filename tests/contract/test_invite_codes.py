"""Invite codes: the access that they grant, and their administration."""

import pytest

from chatroom.protocol import invitation
from chatroom.server.cli import invite
from tests.conftest import Serve
from tests.contract.test_admin import admin_output
from tests.support.processes import Server, Wire

Output = pytest.CaptureFixture[str]

CLOSED = ("accounts.registration=invited",)
ANY = "a" * 26


def invited(server: Server, capsys: Output, *arguments: str) -> invitation.Invitation:
    """Return the invitation that ``chat-server invite`` prints."""
    where = ("--data", str(server.data), "--port", str(server.port))
    assert invite.run_command([*arguments, *where]) == 0
    return invitation.read_invitation(capsys.readouterr().out.removeprefix("chat-client "))


def first_code(server: Server) -> str:
    """Return the code of the invitation that a server prints at its start."""
    [line] = [line for line in server.log.splitlines() if line.startswith("join with: chat-client ")]
    return invitation.read_invitation(line.removeprefix("join with: chat-client ")).code


def register(server: Server, username: str, code: str) -> str:
    """Register an account. Return the code of the refusal; empty if there was none."""
    with server.connect() as wire:
        answer = wire.ask("register", username=username, password="111111", invitation=code)
        return str(answer.get("code", ""))


@pytest.fixture
def private(server: Server) -> Wire:
    """Alice, who owns #lab, which is private."""
    alice = server.user("Alice")
    alice.request("create_room", room="#lab", capacity=9, private=True)
    return alice


def test_registration_on_invite_only_server_needs_a_code(serve: Serve, capsys: Output) -> None:
    server = serve(settings=CLOSED)
    with server.connect() as stranger:
        account = {"username": "Alice", "password": "111111"}
        assert stranger.refusal("register", **account) == "registration_closed"
        assert stranger.refusal("register", **account, invitation=ANY) == "bad_invitation"
    code = first_code(server)
    assert register(server, "x", code) == "bad_username"
    assert register(server, "Alice", code) == ""
    assert register(server, "Bob", code) == "bad_invitation"
    another = invited(server, capsys, "--set", CLOSED[0]).code
    assert register(server, "Alice", another) == "username_taken"
    assert register(server, "Bob", another) == ""
    assert code not in server.log.replace(first_line(server), "")
    assert another not in server.log


def first_line(server: Server) -> str:
    return next(line for line in server.log.splitlines() if line.startswith("join with: "))


def test_registration_on_open_server_uses_no_code(server: Server, private: Wire, capsys: Output) -> None:
    to = invited(server, capsys, "lab", "--uses", "1")
    assert first_code(server) == ""
    assert register(server, "Bob", to.code) == register(server, "Carol", ANY) == ""
    bob, carol = server.connect().login("Bob"), server.connect().login("Carol")
    entering = {"room": "#lab", "nickname": "B", "invitation": to.code}
    assert bob.request("enter_room", **entering)["room"]["member"] is True
    assert carol.refusal("enter_room", **entering) == "bad_invitation"


def test_account_and_seat_count_as_one_use(serve: Serve, capsys: Output) -> None:
    server = serve(settings=CLOSED)
    register(server, "Alice", first_code(server))
    server.connect().login("Alice").request("create_room", room="#lab", capacity=9, private=True)
    to = invited(server, capsys, "#lab", "--days", "1")
    assert register(server, "Bob", to.code) == ""
    bob = server.connect().login("Bob")
    assert bob.request("enter_room", room="lab", nickname="BOB", invitation=to.code)["members"] == ["Bob"]


def test_code_replaces_the_room_password(server: Server, capsys: Output) -> None:
    server.user("Alice").request("create_room", room="#lab", capacity=9, password="correct horse")
    bob, to = server.user("Bob"), invited(server, capsys, "lab", "--uses", "1")
    assert bob.refusal("enter_room", room="lab", nickname="B") == "wrong_room_password"
    bob.request("enter_room", room="lab", nickname="B", invitation=to.code)


def test_code_does_not_admit_to_other_rooms_or_past_a_ban(
    server: Server, private: Wire, capsys: Output
) -> None:
    private.request("create_room", room="#den", capacity=9, private=True)
    bob, to = server.user("Bob"), invited(server, capsys, "lab", "--uses", "5")
    entering = {"nickname": "B", "invitation": to.code}
    assert bob.refusal("enter_room", room="#den", **entering) == "invitation_needed"
    private.request("ban", room="#lab", username="Bob")
    assert bob.refusal("enter_room", room="#lab", **entering) == "banned"


@pytest.mark.parametrize("uses", ["1", "5"])
def test_code_does_not_readmit_a_kicked_member(
    server: Server, private: Wire, capsys: Output, uses: str
) -> None:
    bob, to = server.user("Bob"), invited(server, capsys, "lab", "--uses", uses)
    entering = {"room": "#lab", "nickname": "B", "invitation": to.code}
    bob.request("enter_room", **entering)
    bob.request("enter_room", **entering)
    private.request("kick", room="#lab", username="Bob")
    assert bob.refusal("enter_room", **entering) == "bad_invitation"
    private.request("invite", room="#lab", username="Bob")
    bob.request("enter_room", **entering)


def test_code_that_made_an_account_does_not_readmit_its_kicked_owner(serve: Serve, capsys: Output) -> None:
    server = serve(settings=CLOSED)
    register(server, "Alice", first_code(server))
    alice = server.connect().login("Alice")
    alice.request("create_room", room="#lab", capacity=9, private=True)
    to = invited(server, capsys, "#lab", "--days", "1")
    assert register(server, "Bob", to.code) == ""
    bob = server.connect().login("Bob")
    bob.request("enter_room", room="lab", nickname="BOB", invitation=to.code)
    alice.request("kick", room="#lab", username="Bob")
    assert bob.refusal("enter_room", room="lab", nickname="BOB", invitation=to.code) == "bad_invitation"


def test_refused_entry_does_not_use_the_code(server: Server, capsys: Output) -> None:
    alice, bob = server.user("Alice"), server.user("Bob")
    alice.request("create_room", room="#lab", capacity=1, private=True)
    alice.request("enter_room", room="#lab", nickname="A")
    entering = {
        "room": "lab",
        "nickname": "B",
        "invitation": invited(server, capsys, "lab", "--uses", "1").code,
    }
    assert bob.refusal("enter_room", **entering) == "room_full"
    alice.request("resign_room", room="#lab")
    server.user("Carol")
    bob.request("enter_room", **entering)


def test_guessed_codes_are_limited(serve: Serve) -> None:
    server = serve(settings=(*CLOSED, "limits.password_attempts=3"))
    assert [register(server, "Bob", ANY) for _ in range(4)] == ["bad_invitation"] * 3 + ["too_many_attempts"]
    assert (
        register(server, "Bob", first_code(server)) == ""
    )  # failed attempts of others do not block the owner of a valid code


def test_codes_are_listed_and_revoked(server: Server, private: Wire, capsys: Output) -> None:
    to = invited(server, capsys, "lab", "--uses", "3")
    server.user("Bob").request("enter_room", room="lab", nickname="B", invitation=to.code)
    _, line = admin_output(server, "invitations")
    number, left, _, room, maker, user = line.split()
    assert (left, room, maker, user) == ("2", "#lab", "-", "Bob")
    assert admin_output(server, "revoke", number) == [f"invitation {number} was revoked"]
    refused = server.user("Carol").refusal("enter_room", room="lab", nickname="C", invitation=to.code)
    assert refused == "bad_invitation"


def test_only_owner_can_make_a_code_for_the_room(server: Server, private: Wire) -> None:
    private.request("enter_room", room="#lab", nickname="A")
    made = private.request("make_invitation", room="lab")
    assert made["until"] > private.request("send", to="#lab", text="hi")["time"]
    bob, carol = server.user("Bob"), server.user("Carol")
    assert bob.refusal("make_invitation", room="lab") == "unknown_room"
    entering = {"room": "lab", "nickname": "B", "invitation": made["code"]}
    bob.request("enter_room", **entering)
    assert bob.refusal("make_invitation", room="lab") == "not_owner"
    assert carol.refusal("enter_room", **entering) == "bad_invitation"
    _, line = admin_output(server, "invitations")
    assert line.split()[3:] == ["#lab", "Alice", "Bob"]


@pytest.mark.parametrize(
    "arguments", [["--uses", "0"], ["--days", "x"], ["--uses", "10001"], ["nowhere", "--days", "1"]]
)
def test_invalid_arguments_are_reported_in_one_line(
    server: Server, capsys: Output, arguments: list[str]
) -> None:
    try:
        code: object = invite.run_command([*arguments, "--data", str(server.data)])
    except SystemExit as end:
        code = end.code
    assert code in (1, 2)
    output, errors = capsys.readouterr()
    assert (output, errors.count("\n")) == ("", 1)
