"""The pictures of ``docs/tour.md``: one evening of Ada's in a real terminal, stop by stop, in each language.

``python -m tests.support.screenshots`` plays it with the other pictures. The texts that it waits for come
from the client's catalogue, so a change of words needs no change here.
"""

import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from chatroom.client.text import i18n
from tests.support.processes import QUICK, ROOT, Server, Wire, running
from tests.support.svg import DARK, LIGHT, Paper
from tests.support.terminal import Terminal

IMAGES = ROOT / "docs" / "images" / "tour"

COLUMNS, LINES = 100, 24

PASSWORD = "111111"


@dataclass(frozen=True)
class Voice:
    """The texts of one language. ``talk`` is a list of authors and messages; ``nickname`` is Ada's."""

    lang: str
    nickname: str
    talk: tuple[tuple[str, str], ...]
    mention: str
    answer: str
    mistake: str
    correction: str
    away: str
    later: str
    pasted: tuple[str, ...]
    unsent: str
    sought: str

    @property
    def suffix(self) -> str:
        return "" if self.lang == "en" else f".{self.lang}"


VOICES = (
    Voice(
        "en", "Ada",
        (
            ("Bob", "did the nightly build go through?"), ("Carol", "it did 🎉 all green since 03:12"),
            ("Bob", "then I'll tag 2.4 after lunch"), ("林小雨", "需要我更新中文说明吗?"),
            ("Carol", "yes please, 谢谢!"),
        ),
        "Ada: a look at the migration first?", "on it, ten minutes", "the index is mising",
        "the index is missing, I'll add it", "at lunch", "see you at three",
        ("def greet(name):", '    """Say hello."""', '    return f"hi, {name}"', "", "", "", 'greet("Bob")'),
        "is anybody still there?", "migration",
    ),
    Voice(
        "zh", "艾达",
        (
            ("Bob", "大家好，今晚的构建过了吗？"), ("Carol", "过了 🎉 三点十二分以后全绿"),
            ("Bob", "那午饭后我打 2.4 的标签"), ("林小雨", "需要我更新中文说明吗？"),
            ("Carol", "好的，谢谢！And the English one?"),
        ),
        "艾达：能先看一下迁移脚本吗？", "马上看，十分钟", "少了一个所引", "少了一个索引，我来加", "吃饭去了",
        "三点见",
        ("def greet(name):", '    """打招呼。"""', '    return f"你好，{name}"', "", "", "", 'greet("Bob")'),
        "还有人在吗？", "迁移",
    ),
)  # fmt: skip


class Tour:
    """Ada's terminal, a server, and the guests; a shot is a picture of the tour."""

    def __init__(self, voice: Voice, server: Server, folder: Path) -> None:
        self.voice = voice
        self.server = server
        self.folder = folder
        self.guests: dict[str, Wire] = {}
        self.terminal = self.open()

    def open(
        self, address: str = "{}", *flags: str, environment: Mapping[str, str] | None = None
    ) -> Terminal:
        """Start a client. ``{}`` in ``address`` stands for the server's address."""
        place = address.format(f"127.0.0.1:{self.server.port}")
        command = [sys.executable, "-m", "chatroom.client", place, "--lang", self.voice.lang, *flags]
        return Terminal(command, self.folder, COLUMNS, LINES, environment)

    def shot(self, name: str, title: str = "chat-client", paper: Paper = DARK) -> None:
        self.terminal.shot(IMAGES / f"{name}{self.voice.suffix}.svg", title, paper)

    def types(self, line: str, *texts: str) -> None:
        """Type a line and wait until all of these texts are shown."""
        self.terminal.enter(line).wait_for(*texts)

    def clears(self) -> None:
        """Close the banner. Wait for it, because Esc and a following key would be one sequence."""
        self.terminal.press("Esc").wait_gone("Esc ─╯")

    def says(self, name: str, text: str, to: str = "#lab") -> None:
        self.guests[name].request("send", to=to, text=text)


# The stops, in the order of the evening


def the_form(tour: Tour) -> None:
    terminal = tour.terminal.wait_for(i18n.translate("form.login"))
    terminal.press("F2").wait_for(i18n.translate("form.register"))
    terminal.type("Ada").press("Tab").type(PASSWORD).press("Tab").enter("11111")
    terminal.wait_for(i18n.translate("mismatch"))
    tour.shot("register")
    tour.terminal.enter(PASSWORD).wait_for(i18n.translate("logged_in", username="Ada"))
    tour.shot("first")
    tour.clears()


def an_empty_house(tour: Tour) -> None:
    """The home screen of a new server, then with guests."""
    tour.types("/create lab 20", i18n.translate("created", room="#lab"))
    entered = i18n.translate("entered_room", room="#lab", nickname=tour.voice.nickname)
    tour.types(f"/join lab {tour.voice.nickname}", entered, i18n.translate("view.beginning"))
    tour.shot("empty")
    tour.clears()
    tour.types("/close", i18n.translate("home.account", username="Ada"))
    for name in ("Bob", "Carol", "林小雨"):
        tour.guests[name] = tour.server.user(name)
        tour.guests[name].request("enter_room", room="lab", nickname=name)
    for room, capacity in (("ops", 8), ("读书会", 2)):
        tour.guests["Bob"].request("create_room", room=room, capacity=capacity)
    for name in ("Bob", "Carol"):
        tour.guests[name].request("enter_room", room="读书会", nickname=name)


def what_waits(tour: Tour) -> None:
    for name, text in tour.voice.talk:
        tour.says(name, text)
    tour.says("Bob", tour.voice.mention)
    tour.types("/friend Bob", i18n.translate("befriended", username="Bob"))
    tour.says("Bob", "👋", to="@Ada")
    tour.terminal.wait_for("#lab(@1 6)", "@Bob(1)")
    tour.clears()
    tour.shot("waiting")
    tour.terminal.press("Alt-1").wait_for(i18n.translate("view.new"), tour.voice.mention)
    tour.shot("unread")


def one_message(tour: Tour) -> None:
    """Reply, edit the reply, react."""
    voice = tour.voice
    tour.terminal.press("Alt-Up").wait_for(voice.mention)
    tour.types(f"/reply {voice.answer}", f"{voice.nickname}:{voice.answer}")
    tour.types(voice.mistake, f"{voice.nickname}:{voice.mistake}")
    tour.terminal.wait_gone(i18n.translate("view.sending"))
    tour.types(f"/edit {voice.correction}", i18n.translate("said.edited"))
    newest = tour.guests["Bob"].request("history", conversation="#lab")["messages"]
    seq = next(message["seq"] for message in newest if message["text"] == voice.correction)
    tour.guests["Bob"].request("send", to="#lab", kind="react", target=seq, text="👍")
    tour.guests["Carol"].request("send", to="#lab", kind="react", target=seq, text="👍")
    tour.terminal.wait_for("👍 Bob Carol").press("Alt-Up").wait_for(voice.correction)
    tour.terminal.press("Alt-e").wait_for(f"> /edit {voice.correction}")
    tour.shot("edit")
    tour.terminal.press("Ctrl-C", "Alt-Down").wait_for(i18n.translate("view.placeholder"))


def who_is_here(tour: Tour) -> None:
    tour.guests["Carol"].request("set_away", text=tour.voice.away)
    tour.guests["Bob"].request("typing", conversation="#lab")
    tour.terminal.resize(130, LINES).wait_for(
        "◐ Carol", i18n.translate("status.typing", count=1, names="Bob")
    )
    tour.shot("wide")
    tour.terminal.resize(COLUMNS, LINES).wait_gone("◐ Carol")


def long_ago(tour: Tour) -> None:
    for number in range(1, 61):
        tour.says("Bob", f"build {number}: ok")
    terminal = tour.terminal.wait_for("build 60: ok")
    for _ in range(2):
        _scroll_page_up(terminal)
    newer = newer_count(terminal)
    tour.says("Carol", tour.voice.later)
    terminal.wait_for(i18n.translate("status.newer", count=newer + 1))
    tour.shot("scrolled")
    tour.terminal.press("Alt-End").wait_for(tour.voice.later)
    tour.types(f"/search {tour.voice.sought}", "/goto")
    tour.shot("found")
    _go_to_first_result(tour)
    tour.shot("there")
    _go_to_end(tour)


def newer_count(terminal: Terminal) -> int:
    """Return how many messages are below the visible ones, from the status line."""
    pattern = re.escape(i18n.translate("status.newer", count=0)).replace("0", r"(\d+)")
    match = re.search(pattern, terminal.text)
    return int(match[1]) if match else 0


def _scroll_page_up(terminal: Terminal) -> None:
    newer = newer_count(terminal)
    terminal.press("PageUp").wait_until(lambda: newer_count(terminal) > newer)


def _go_to_first_result(tour: Tour) -> None:
    tour.types("/goto 1", tour.voice.mention)
    tour.terminal.wait_until(lambda: newer_count(tour.terminal) > 0)


def _go_to_end(tour: Tour) -> None:
    tour.terminal.press("Alt-End").wait_until(lambda: newer_count(tour.terminal) == 0)


def what_is_refused(tour: Tour) -> None:
    tour.types("/join 读书会", "Esc ─╯")
    tour.shot("full")
    tour.types("/join nowhere", "#nowhere")
    tour.shot("unknown")
    tour.clears()
    tour.terminal.enter("/clear").wait_gone("#nowhere")


def finding_things(tour: Tour) -> None:
    tour.terminal.press("Ctrl-G").wait_for(i18n.translate("switcher.prompt").strip()).type("b")
    tour.terminal.wait_for(" @Bob(1)\n #lab")
    tour.shot("switcher")
    tour.terminal.press("Ctrl-G").wait_gone(i18n.translate("switcher.prompt").strip())
    tour.terminal.type("/s").press("Tab").wait_for("/search", "/switch", "/set")
    tour.shot("completion")
    tour.terminal.press("Ctrl-C").wait_for(i18n.translate("view.placeholder")).type(":grin").press("Tab")
    tour.terminal.wait_for("grinning face")
    tour.shot("emoji")
    tour.terminal.press("Ctrl-C").wait_for(i18n.translate("view.placeholder"))
    tour.terminal.press("F1").wait_for(i18n.translate("keys.writing"), i18n.translate("key.newline"))
    tour.shot("help")
    tour.terminal.press("F1").wait_gone(i18n.translate("key.newline"))


def a_paste(tour: Tour) -> None:
    tour.terminal.paste("\n".join(tour.voice.pasted))
    tour.terminal.wait_for(i18n.translate("question.paste", count=7), 'greet("Bob")')
    tour.shot("paste")
    tour.terminal.press("Ctrl-C").wait_for(i18n.translate("view.placeholder"))


def a_long_save(tour: Tour) -> None:
    """The room has enough messages for a picture of the progress bar."""
    bob = tour.guests["Bob"]
    bob.request("create_room", room="archive", capacity=2)
    bob.request("enter_room", room="archive", nickname="Bob")
    for _ in range(60):
        asked = [bob.start("send", to="#archive", text=text) for _, text in tour.voice.talk * 100]
        bob.answer(asked[-1])
        bob.events.clear()
    tour.types("/join archive", i18n.translate("entered_room", room="#archive", nickname="Ada"))
    tour.clears()
    tour.types("/save archive.txt --in archive", "[###")
    tour.shot("saving")
    tour.terminal.wait_for("archive.txt")
    tour.types("/resign --yes", i18n.translate("resigned", room="#archive"))
    tour.clears()


def a_private_chat(tour: Tour) -> None:
    tour.types(f"/query Bob {tour.voice.nickname}", "Esc ─╯")
    tour.clears()
    tour.types(tour.voice.later, f"{tour.voice.nickname}:{tour.voice.later}")
    tour.terminal.wait_gone(i18n.translate("view.sending"))
    tour.shot("private")


def the_transcript(tour: Tour) -> None:
    tour.types("/save", "log.txt")
    tour.shot("saved")
    tour.clears()


def the_server_is_gone(tour: Tour) -> None:
    tour.server.kill()
    tour.types(tour.voice.unsent, i18n.translate("view.sending"))
    tour.shot("away")
    tour.server.start()
    tour.terminal.wait_gone(i18n.translate("view.sending")).wait_for(i18n.translate("link.logged_in"))


def a_small_screen(tour: Tour) -> None:
    tour.terminal.resize(40, 12).press("Alt-1").wait_for("build 60: ok")
    tour.shot("narrow")
    tour.terminal.resize(COLUMNS, LINES).wait_for(i18n.translate("sidebar.rooms"))


def colours(tour: Tour) -> None:
    for theme, paper in (("dark", DARK), ("light", LIGHT)):
        tour.types(f"/theme {theme}", f"theme = {theme}")
        _go_to_first_result(tour)
        tour.shot(theme, paper=paper)
        _go_to_end(tour)
    tour.terminal.enter("/quit").wait_exit()
    tour.terminal = tour.open(environment={"NO_COLOR": "1"})
    tour.terminal.wait_for(i18n.translate("form.login")).enter(PASSWORD)
    tour.terminal.wait_for(i18n.translate("home.account", username="Ada")).press("Alt-1")
    tour.terminal.wait_for(tour.voice.later).wait_gone("Esc ─╯")
    tour.shot("colourless")
    tour.terminal.enter("/quit").wait_exit()


def without_a_screen(tour: Tour) -> None:
    answer = tour.voice.answer
    plain = ((answer, f"Ada:{answer}"), ("/react 👍", "👍"))
    for name, lines in (("plain", plain), ("json", (("/msg Bob 👋", "👋"),))):
        tour.terminal = tour.open("Ada@{}/ops", f"--{name}", environment={"CHAT_PASSWORD": PASSWORD})
        tour.terminal.wait_for("#ops")
        for line, text in lines:
            tour.types(line, text)
        tour.shot(name, title=f"chat-client --{name}")
        tour.terminal.enter("/quit").wait_exit()


STOPS: tuple[Callable[[Tour], None], ...] = (
    the_form,
    an_empty_house,
    what_waits,
    one_message,
    who_is_here,
    long_ago,
    what_is_refused,
    finding_things,
    a_paste,
    a_long_save,
    a_private_chat,
    the_transcript,
    the_server_is_gone,
    a_small_screen,
    colours,
    without_a_screen,
)


def _serving(folder: Path) -> AbstractContextManager[Server]:
    """Run a server. Members stay online while it is down."""
    return running(folder / "data", settings=(*QUICK, "limits.linger=600"))


def play() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for voice in VOICES:
        i18n.use_language(voice.lang)
        with tempfile.TemporaryDirectory() as folder, _serving(Path(folder)) as server:
            tour = Tour(voice, server, Path(folder))
            try:
                for stop in STOPS:
                    stop(tour)
            finally:
                tour.terminal.close()
