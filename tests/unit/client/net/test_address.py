"""Server addresses as users type them."""

import pytest

from chatroom.client.net.address import AddressError, ServerAddress, parse_address
from chatroom.protocol.invitation import Invitation, InvitationError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", ServerAddress()),
        ("host", ServerAddress("host")),
        ("host:99", ServerAddress("host", 99)),
        ("alice@host", ServerAddress("host", username="alice")),
        ("alice@host:99/ops", ServerAddress("host", 99, "alice", "#ops")),
        ("alice@host/#ops", ServerAddress("host", username="alice", conversation="#ops")),
        ("alice@host/@Bob", ServerAddress("host", username="alice", conversation="@Bob")),
        ("张三@主机/聊天", ServerAddress("主机", username="张三", conversation="#聊天")),
        ("[::1]:99", ServerAddress("::1", 99)),
        ("alice@[::1]/ops", ServerAddress("::1", username="alice", conversation="#ops")),
        ("::1", ServerAddress("::1")),
        ("/ops", ServerAddress(conversation="#ops")),
        ("alice@", ServerAddress(username="alice")),
        ("unix:/run/chat.sock", ServerAddress(path="/run/chat.sock")),
        (
            "alice@unix:/run/a@b/x.sock#ops",
            ServerAddress(path="/run/a@b/x.sock", username="alice", conversation="#ops"),
        ),
        ("unix:/run/../run/ chat.sock", ServerAddress(path="/run/ chat.sock")),
        ("unix:7878/ops", ServerAddress("unix", 7878, conversation="#ops")),
        ("unix:", ServerAddress("unix")),
    ],
)
def test_address_is_parsed_in_every_form(text: str, address: ServerAddress) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["host:0", "host:65536", "host:x", "[::1", "[host]", "1:2:3", "a b@host", "a@b@c", "host:９"],
)
def test_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address(text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("lab", False),
    ],
)
def test_loopback_addresses_are_recognised(host: str, loopback: bool) -> None:
    assert ServerAddress(host).loopback is loopback


def test_unix_socket_has_one_name_and_is_on_this_machine() -> None:
    place = parse_address("alice@unix:/run//chat.sock")
    assert place.server == place.canonical == "unix:/run/chat.sock"
    assert place.loopback


def test_spellings_of_a_server_have_one_name() -> None:
    assert parse_address("alice@[::1]:99/ops").server == "[::1]:99"


def test_invitation_is_parsed_as_address() -> None:
    token = str(Invitation("lab.example", 99, "5f2c" * 16, "ops"))
    place = ServerAddress("lab.example", 99, "", "#ops", fingerprint="5f2c" * 16, invited=True)
    assert parse_address(token) == place
    assert parse_address(f" alice@{token}\n").username == "alice"


def test_invitation_with_invalid_address_is_refused() -> None:
    with pytest.raises(AddressError):
        parse_address(str(Invitation("lab sha256:0", 99)))


def test_damaged_invitation_is_not_parsed_as_host() -> None:
    with pytest.raises(InvitationError):
        parse_address(str(Invitation("lab.example", 99))[:-1])
