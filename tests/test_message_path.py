"""The server runs the hops of a message in the order in which the architecture page lists them."""

import json
import subprocess
import sys
from pathlib import Path

from tests.test_docs import message_path

TRACER = """
import asyncio, json, os, sys, threading
from chatroom.server import app
from chatroom.server.config.loader import load_config

hops, tracing = {}, False

def note_call(frame, event, argument):
    if tracing and event == "call":
        module = frame.f_globals.get("__name__", "").removeprefix("chatroom.")
        hops.setdefault(f"{module}:{frame.f_code.co_qualname}")

async def main(data):
    global tracing
    settings = {"port": "0", "data": data, "password.bcrypt_cost": "4"}
    ready = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        app.serve_until_stopped(
            load_config(settings, {}, None).config, lambda endpoint, code: ready.set_result(endpoint.port)
        )
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", await ready)

    async def request(kind, answer, **fields):
        writer.write(json.dumps({"type": kind, "id": 1, **fields}).encode() + b"\\n")
        while json.loads(await reader.readline())["type"] != answer:
            pass

    await request("register", "ok", username="Alice", password="111111")
    await request("login", "session", username="Alice", password="111111")
    await request("create_room", "room", room="#lab", capacity=5)
    await request("enter_room", "entered", room="#lab", nickname="Al")
    await request("ping", "pong")
    tracing = True
    await request("send", "message", to="#lab", text="hello")
    tracing = False
    writer.close()
    os.kill(os.getpid(), 15)
    await serving
    print(json.dumps(list(hops)))

threading.setprofile(note_call)
sys.setprofile(note_call)
asyncio.run(main(sys.argv[1]))
"""


def test_server_calls_the_documented_hops_in_their_order(tmp_path: Path) -> None:
    traced = subprocess.run(
        [sys.executable, "-c", TRACER, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    called = json.loads(traced.stdout)
    own = [hop for hop in message_path() if not hop.startswith("client.")]
    documented = [hop for hop in own if hop != "protocol.wire:read_answer"]
    assert documented
    assert [hop for hop in called if hop in documented] == documented
