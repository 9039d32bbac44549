"""Addresses to listen on."""

from pathlib import Path

import pytest

from chatroom.server.config.listen_address import ListenAddress, parse_listen_address
from chatroom.server.config.loader import ConfigurationError, load_config


@pytest.mark.parametrize(
    ("text", "address", "is_local"),
    [
        ("127.0.0.1:7880", ListenAddress("127.0.0.1", 7880), True),
        ("localhost:0", ListenAddress("localhost", 0), True),
        ("[::1]:7880", ListenAddress("::1", 7880), True),
        ("[::]:7880", ListenAddress("::", 7880), False),
        (":7880", ListenAddress("", 7880), False),
        ("chat.example.org:80", ListenAddress("chat.example.org", 80), False),
        ("unix:/run/chat.sock", ListenAddress(path=Path("/run/chat.sock")), True),
    ],
)
def test_address_is_parsed(text: str, address: ListenAddress, is_local: bool) -> None:
    parsed = parse_listen_address(text)
    assert parsed == address
    assert parsed.is_local is is_local
    assert parse_listen_address(str(parsed)) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7880",
        "127.0.0.1",
        "::1:80",
        "127.0.0.1:70000",
        "a:-1",
        "a:٣",
        "unix:",
        "unix:a",
        f"unix:/{'a' * 101}",
    ],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_listen_address(text)
    if text:
        with pytest.raises(ConfigurationError, match=r"http\.listen: "):
            load_config({"http.listen": text}, {})


@pytest.mark.parametrize("address", ["0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "chat.example.org:80"])
def test_http_beyond_this_machine_needs_a_token(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"set http\.token"):
        load_config({"http.listen": address}, {})
    loaded = load_config({"http.listen": address}, {"CHAT_SERVER_HTTP_TOKEN": "geheim"})
    assert loaded.config.http.token == "geheim"
    assert "geheim" not in repr(loaded.config)
