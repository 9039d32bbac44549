"""The pictures in the documents: ``python -m tests.support.screenshots`` plays a scene in each language and
draws it,
then the tour (``tests.support.tour``).

Nothing in them is painted: a server, terminals, people who type. Run it again after a change of the screen.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.support import tour
from tests.support.processes import ROOT, Server, Wire, running
from tests.support.terminal import Terminal

IMAGES = ROOT / "docs" / "images"
COLUMNS, LINES = 116, 28


@dataclass(frozen=True)
class Scene:
    """The same evening in one language: what the picture's file is called, and what people say."""

    suffix: str
    lang: str
    form: str
    logged_in: str
    entered: str
    nickname: str
    lines: tuple[tuple[str, str], ...]
    last: str


SCENES = (
    Scene(
        "", "en", "F2: make an account", "Logged in as Ada", "You entered #lab", "Ada",
        (
            ("Bob", "did the nightly build go through?"),
            ("Carol", "it did 🎉 all green since 03:12"),
            ("Bob", "then I'll tag 2.4 after lunch"),
            ("林小雨", "需要我更新中文说明吗?"),
            ("Carol", "yes please, 谢谢!"),
            ("Bob", "Ada: a look at the migration first?"),
        ),
        "on it, ten minutes",
    ),
    Scene(
        ".zh", "zh", "F2：注册", "登录成功", "成功进入聊天室", "艾达",
        (
            ("Bob", "大家好，今晚的构建过了吗？"),
            ("Carol", "过了 🎉 三点十二分以后全绿"),
            ("Bob", "那午饭后我打 2.4 的标签"),
            ("林小雨", "需要我更新中文说明吗？"),
            ("Carol", "好的，谢谢！And the English one?"),
            ("Bob", "艾达：能先看一下迁移脚本吗？"),
        ),
        "马上看，十分钟",
    ),
)  # fmt: skip


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for scene in SCENES:
        with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as server:
            _play(scene, server, Path(folder))
    tour.play()


def _play(scene: Scene, server: Server, folder: Path) -> None:
    guests = {name: server.user(name) for name in ("Bob", "Carol", "林小雨")}
    for room, capacity in (("lab", 20), ("ops", 8), ("读书会", 12)):
        guests["Bob"].request("create_room", room=room, capacity=capacity)
    for name, guest in guests.items():
        guest.request("enter_room", room="lab", nickname=name)
    command = [sys.executable, "-m", "chatroom.client", f"127.0.0.1:{server.port}", "--lang", scene.lang]
    terminal = Terminal(command, folder, COLUMNS, LINES)
    try:
        _evening(scene, terminal, guests)
    finally:
        terminal.close()


def _evening(scene: Scene, terminal: Terminal, guests: dict[str, Wire]) -> None:
    """Register, look around, make a friend, enter a room, listen, answer."""
    terminal.wait_for(scene.form).shot(IMAGES / f"login{scene.suffix}.svg", "chat-client")
    terminal.press("F2").type("Ada").press("Tab").type("111111").press("Tab").enter("111111")
    terminal.wait_for(scene.logged_in).enter("/friend Bob")
    guests["Bob"].event("friend")
    guests["Bob"].request("send", to="@Ada", text="👋")
    terminal.enter("/rooms").wait_for("读书会").shot(IMAGES / f"home{scene.suffix}.svg", "chat-client")
    terminal.enter(f"/join lab {scene.nickname}").wait_for(scene.entered)
    for name, text in scene.lines:
        guests[name].request("send", to="#lab", text=text)
        terminal.wait_for(text)
    terminal.enter(scene.last).wait_for(f"{scene.nickname}:{scene.last}")
    terminal.wait_gone("[").press("Esc").wait_gone("Esc ─╯").shot(
        IMAGES / f"room{scene.suffix}.svg", "chat-client Ada@127.0.0.1/lab"
    )


if __name__ == "__main__":
    main()
