"""Draw the pictures in the documents: ``python -m tests.support.screenshots [scenes|tour]``.

Every picture shows a real terminal with a client that talks to a real server. Run this again after a change
of the screen. ``scenes`` draws the pictures of the README, ``tour`` those of ``docs/tour.md``; without an
argument, both.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chatroom.client.text import i18n
from tests.support import tour
from tests.support.processes import ROOT, Server, Wire, running
from tests.support.terminal import Terminal

IMAGES = ROOT / "docs" / "images"
COLUMNS, LINES = 116, 28
OFFLINE_LINES = 12
"""The two pictures of a lost connection show the newest messages only."""


@dataclass(frozen=True)
class Scene:
    """One conversation in one language: what each user sends, in order. The client's user is Ada.

    ``offline`` is the message that Ada types while the server is down.
    """

    lang: str
    nickname: str
    lines: tuple[tuple[str, str], ...]
    offline: str

    @property
    def suffix(self) -> str:
        return "" if self.lang == "en" else f".{self.lang}"


SCENES = (
    Scene(
        "en", "Ada",
        (
            ("Bob", "morning! did the build go through?"),
            ("Carol", "it did 🎉 all green since 03:12"),
            ("Bob", "then I'll tag 2.4 after lunch"),
            ("Ada", "wait please: MariaDB lacks an index"),
            ("Bob", "ah. how long does it take to add?"),
            ("Ada", "ten minutes to write, a minute to run"),
            ("林小雨", "需要我更新中文说明吗?"),
            ("Carol", "yes please, 谢谢!"),
            ("林小雨", "好的，下午给你们看"),
            ("Bob", "and the changelog?"),
            ("Carol", "mine, I have the list open anyway"),
            ("Ada", "and who tests the upgrade from 2.3?"),
            ("Bob", "me, with yesterday's backup"),
            ("Carol", "take the big one, with the old names"),
            ("Bob", "12 GB, coffee it is ☕"),
            ("Ada", "the index is in, review please"),
            ("Carol", "Ada: looks good, two questions"),
            ("Ada", "answered both"),
            ("Bob", "upgraded in 4 minutes, nothing lost"),
            ("Carol", "👏"),
            ("Bob", "Ada: shall I tag then?"),
            ("Ada", "yes, go ahead"),
        ),
        "typed on the train, without a connection",
    ),
    Scene(
        "zh", "艾达",
        (
            ("Bob", "早上好，昨晚的构建过了吗？"),
            ("Carol", "过了 🎉 三点十二分以后全绿"),
            ("Bob", "那午饭后我打 2.4 的标签"),
            ("Ada", "等一下迁移脚本：MariaDB 上少了一个索引"),
            ("Bob", "哦，加上要多久？"),
            ("Ada", "写十分钟，跑一分钟"),
            ("林小雨", "需要我更新中文说明吗？"),
            ("Carol", "好的，谢谢！And the English one?"),
            ("林小雨", "英文的请 Bob 看一眼"),
            ("Bob", "没问题，更新日志谁写？"),
            ("Carol", "我来，修复列表正好开着"),
            ("Ada", "还有：谁来测从 2.3 升级？"),
            ("Bob", "我，用昨天的备份"),
            ("Carol", "用大的那份，里面有旧昵称"),
            ("Bob", "12 GB，先去泡杯咖啡 ☕"),
            ("Ada", "索引加好了，请审一下"),
            ("Carol", "艾达：没问题，旁边有两个小问题"),
            ("Ada", "都回复了"),
            ("Bob", "升级完成，四分钟，一条没丢"),
            ("Carol", "👏"),
            ("Bob", "艾达：那我打标签了？"),
            ("Ada", "打吧"),
        ),
        "在火车上写的，当时没有网络",
    ),
)  # fmt: skip


def main(parts: Sequence[str]) -> None:
    if "scenes" in parts or not parts:
        play_scenes()
    if "tour" in parts or not parts:
        tour.play()


def play_scenes() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for scene in SCENES:
        i18n.use_language(scene.lang)
        with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as server:
            _play(scene, server, Path(folder))


def _play(scene: Scene, server: Server, folder: Path) -> None:
    guests = {name: server.user(name) for name in ("Bob", "Carol", "林小雨")}
    for room, capacity in (("lab", 20), ("ops", 8), ("读书会", 12)):
        guests["Bob"].request("create_room", room=room, capacity=capacity)
    for name, guest in guests.items():
        guest.request("enter_room", room="lab", nickname=name)
    command = [sys.executable, "-m", "chatroom.client", f"127.0.0.1:{server.port}", "--lang", scene.lang]
    terminal = Terminal(command, folder, COLUMNS, LINES)
    try:
        _converse(scene, terminal, guests)
        _lose_connection(scene, terminal, server)
    finally:
        terminal.close()


def _converse(scene: Scene, terminal: Terminal, guests: dict[str, Wire]) -> None:
    """Register, add a friend, enter a room, exchange messages."""
    terminal.wait_for(i18n.translate("form.login")).shot(IMAGES / f"login{scene.suffix}.svg", "chat-client")
    terminal.press("F2").type("Ada").press("Tab").type("111111").press("Tab").enter("111111")
    terminal.wait_for(i18n.translate("logged_in", username="Ada")).enter("/friend Bob")
    guests["Bob"].event("friend")
    guests["Bob"].request("send", to="@Ada", text="👋")
    terminal.wait_for(i18n.translate("befriended", username="Bob"), "读书会", "@Bob(1)")
    terminal.press("Esc").wait_gone("Esc ─╯")
    terminal.shot(IMAGES / f"home{scene.suffix}.svg", "chat-client")
    terminal.enter(f"/join lab {scene.nickname}")
    terminal.wait_for(i18n.translate("entered_room", room="#lab", nickname=scene.nickname))
    for name, text in scene.lines:
        if name in guests:
            guests[name].request("send", to="#lab", text=text)
        else:
            terminal.enter(text)
        author = name if name in guests else scene.nickname
        terminal.wait_for(f"{author}:{text}").wait_gone(i18n.translate("view.sending"))
    terminal.wait_gone("Esc ─╯").shot(IMAGES / f"room{scene.suffix}.svg", "chat-client Ada@127.0.0.1/lab")


def _lose_connection(scene: Scene, terminal: Terminal, server: Server) -> None:
    """Type a message while the server is down; it is sent once when the server is back."""
    terminal.resize(COLUMNS, OFFLINE_LINES)
    server.kill()
    terminal.wait_until(lambda: _is_offline(terminal)).enter(scene.offline)
    terminal.wait_for(scene.offline, i18n.translate("view.sending")).shot(
        IMAGES / f"offline{scene.suffix}.svg", "chat-client Ada@127.0.0.1/lab"
    )
    server.start()
    terminal.wait_gone(i18n.translate("view.sending")).wait_until(lambda: not _is_offline(terminal))
    terminal.shot(IMAGES / f"online{scene.suffix}.svg", "chat-client Ada@127.0.0.1/lab")


def _is_offline(terminal: Terminal) -> bool:
    return "Ada@" in terminal.lines[-2] and f" {i18n.translate('link.logged_in')} " not in terminal.lines[-2]


if __name__ == "__main__":
    main(sys.argv[1:])
