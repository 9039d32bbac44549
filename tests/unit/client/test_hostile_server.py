"""No text of a server reaches the terminal as a control sequence, in any front end."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chatroom.client.commands.table import COMMANDS
from chatroom.protocol import events, responses
from tests.conftest import Open
from tests.unit.client.hostile_server import ANSWERS, HOSTILE, of_struct, serving

FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u00ad"
    "\U000e0000-\U000e0fff]"
)
NOT_TYPED = {
    "quit",
    "logout",
    "save",
    "lang",
    "theme",
    "set",
    "bind",
    "unbind",
    "passwd",
    "leave",
    "resign",
    "create",
}
"""Commands that end the run, ask for a password, or are about this client alone."""

ARGUMENTS = {"CAPACITY": "5"}
COMMAND_LINES = [
    " ".join(
        [
            f"/{command.name}",
            *(ARGUMENTS.get(word, "Bob") for word in command.arguments.split()[: command.least]),
        ]
    )
    for command in COMMANDS
    if command.name not in NOT_TYPED
]
TYPED = "\n".join(
    ["hello", "/invite", "/banned", *COMMAND_LINES, "/switch #lab", "/search x", "/goto 1", "/members", ""]
)


def run(tmp_path: Path, mode: str, address: str, typed: str = TYPED, **environment: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "chatroom.client", mode, f"Alice@{address}/lab"],
        input=typed.encode(), capture_output=True, timeout=60,
        env={**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"),
             "XDG_STATE_HOME": str(tmp_path / "state"), "LANGUAGE": "en", "PYTHONIOENCODING": "utf-8",
             "CHAT_PASSWORD": "secret1"} | environment,
    )  # fmt: skip
    return done.stdout.decode(), done.stderr.decode()


def check(output: str, errors: str) -> None:
    assert not FORBIDDEN.findall(output)
    assert not FORBIDDEN.findall(errors)
    assert "Traceback" not in errors


@pytest.mark.parametrize("mode", ["--plain", "--json"])
@pytest.mark.parametrize("refuses", [(), ("*",), ("register", "login")], ids=["answers", "errors", "login"])
def test_server_texts_are_escaped_in_pipe(tmp_path: Path, mode: str, refuses: tuple[str, ...]) -> None:
    if refuses == ("*",):
        refuses = tuple({*ANSWERS} - {"login", "logout", "enter_room"})
    with serving(refuses) as server:
        output, errors = run(tmp_path, mode, server.address)
    check(output, errors)
    assert "login" in server.requests
    assert "52;c;QUJD" in output + errors
    if not refuses:
        assert {"whois", "search", "list_members", "make_invitation", "list_banned"} <= set(server.requests)


@pytest.mark.parametrize("mode", ["--plain", "--json"])
@pytest.mark.parametrize(
    "greeting",
    [
        of_struct(events.Closing),
        of_struct(responses.Error, id=None),
        of_struct(responses.Error, id=None, code="{0.__class__}"),
        of_struct(events.Welcome, protocol=99),
        {"type": HOSTILE},
        {HOSTILE: HOSTILE},
        HOSTILE,
    ],
    ids=["closing", "error", "format", "protocol", "type", "field", "text"],
)  # fmt: skip
def test_server_texts_are_escaped_before_password_prompt(tmp_path: Path, mode: str, greeting: object) -> None:
    line = json.dumps(greeting, ensure_ascii=False).encode() + b"\n"
    with serving(greeting=line) as server:
        output, errors = run(tmp_path, mode, server.address)
    check(output, errors)
    assert errors.count("\n") == 1


def test_escaped_json_has_same_values(tmp_path: Path) -> None:
    with serving() as server:
        output, _ = run(tmp_path, "--json", server.address)
    texts = [
        frame["message"]["text"]
        for frame in map(json.loads, output.splitlines())
        if frame["type"] == "message"
    ]
    assert HOSTILE in texts


def test_server_texts_are_escaped_on_full_screen(terminal: Open) -> None:
    with serving() as server:
        screen = terminal(f"Alice@{server.address}/lab", "--lang", "en", columns=120, lines=40)
        screen.wait_for("F2").enter("secret1").wait_for("#lab")
        for line in ("/members", "/rooms", "/friends", "/whois Bob", "/search x"):
            screen.enter(line)
        screen.press("F1").press("Esc").press("Alt-0").wait_until(
            lambda: {"whois", "search"} <= set(server.requests), "for the commands"
        )
        screen.enter("/quit")
        assert screen.wait_exit() == 0
    text = screen.output.decode()
    own = re.sub("[\x00-\x1f\x7f]", "", text)  # prompt_toolkit's own sequences begin with ESC
    assert not FORBIDDEN.findall(own)
    assert "\x1b]52" not in text
    assert "\x1b[666" not in text
