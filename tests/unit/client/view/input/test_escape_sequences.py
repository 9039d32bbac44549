"""Sequences of terminals become keys, reports or nothing, and are never typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.client.view.input.escape_sequences import SCROLL_DOWN, SCROLL_UP, SequenceTranslator
from tests.unit.client.view.fake import FakeApp, make_message
from tests.unit.client.view.harness import ScreenHarness, input_line, run_steps


def translated(*parts: str) -> tuple[str, list[str]]:
    reports: list[str] = []
    translator = SequenceTranslator(reports.append)
    return "".join(map(translator.translate, parts)), reports


@pytest.mark.parametrize(
    ("sequence", "keys"),
    [
        ("\x1b[13;2u", "\x1b\r"), ("\x1b[13;5u", "\x1b\r"), ("\x1b[27;2;13~", "\x1b\r"), ("\x1b[13u", "\r"),
        ("\x1b[49;3u", "\x1b1"), ("\x1b[27;3;57~", "\x1b9"), ("\x1b[97;5u", "\x01"),
        ("\x1b[97;7u", "\x1b\x01"),
        ("\x1b[27u", "\x1b"), ("\x1b[9;2u", "\x1b[Z"), ("\x1b[127;5u", "\x17"), ("\x1b[57400u", "1"),
        ("\x1b[97;1:3u", ""), ("\x1b[97:65;2u", "A"), ("\x1b[20320u", "你"), ("\x1b[57358u", ""),
        ("\x1b[99;99;99z", ""), ("\x1b[1;2;3;4X", ""), ("\x1bP1$r0m\x1b\\", ""), ("\x1b]52;c;aGk=\x07", ""),
        ("\x1b[A", "\x1b[A"), ("\x1b[1;3A", "\x1b[1;3A"), ("\x1b[I", "\x1b[I"),
        ("\x1b]", "\x1b]"), ("\x1bO", "\x1bO"),
        ("\x1b[A" * 3, SCROLL_UP * 3), ("\x1bOB" * 5, SCROLL_DOWN * 5), ("\x1b[A" * 2, "\x1b[A" * 2),
        ("\x1b[<64;1;1M", SCROLL_UP * 3), ("\x1b[<65;9;9M", SCROLL_DOWN * 3), ("\x1b[<0;9;9M", ""),
        ("\x1b[99999999999999999999u", ""),
    ],
)  # fmt: skip
def test_sequence_becomes_keys(sequence: str, keys: str) -> None:
    assert translated(sequence)[0] == keys


def test_answers_and_clicks_are_reported_and_not_typed() -> None:
    data = "x\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\y\x1b[?1uz\x1b[<0;3;4M"
    assert translated(data) == ("xyz", ["11;rgb:1e1e/1e1e/1e1e", "?1u", "<0;3;4M"])


@given(st.integers(1, 30))
def test_sequence_that_arrives_in_parts_is_the_same(cut: int) -> None:
    data = "x\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\y"
    typed, reports = translated(data[:cut], data[cut:])
    if cut not in (2, 3):  # Esc and Alt-] may be keys
        assert (typed, reports) == ("xy", ["11;rgb:1e1e/1e1e/1e1e"])


def test_paste_is_not_translated() -> None:
    paste = "\x1b[200~\x1b[13;2u\x1b]11;x\x07\x1b[201~"
    assert translated(paste) == (paste, [])


@pytest.mark.usefixtures("english")
class TestScreen:
    def test_shift_enter_begins_a_new_line_and_unknown_sequences_type_nothing(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            screen.type("one\x1b[13;2utwo\x1b[27;5;13~three\x1b[9;9;9z\x1b]4;x\x1b\\")
            await screen.wait_for("> one", "  two", "  three")
            screen.type("!\r")
            await screen.wait_until(lambda: ("submit", "one\ntwo\nthree!") in alice.calls, "for the message")

        run_steps(alice, steps)

    @pytest.mark.parametrize("wheel", ["\x1b[A" * 3, "\x1bOA" * 3, "\x1b[<64;20;10M"])
    def test_wheel_scrolls_the_history_and_keeps_the_draft(self, alice: FakeApp, wheel: str) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            screen.type("draft")
            await screen.wait_for("> draft")
            screen.type(wheel)
            await screen.wait_gone("message 200")
            assert "message 197" in screen.text
            assert input_line(screen) == "draft"
            screen.type(wheel.replace("A", "B").replace("64", "65"))
            await screen.wait_for("message 200")

        run_steps(alice, steps)

    def test_background_that_the_terminal_tells_chooses_the_theme(
        self, alice: FakeApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TERM", "xterm-256color")

        async def steps(screen: ScreenHarness) -> None:
            await screen.wait_until(lambda: "\x1b]11;?\x1b\\" in screen.output, "for the question")
            screen.type("\x1b]11;rgb:ffff/ffff/ffff\x1b\\")
            themes = screen.full_screen._themes
            await screen.wait_until(lambda: themes.background == "light", "for the answer")
            screen.type("\x1b[?0u")
            await screen.wait_until(lambda: "\x1b[>1u" in screen.output, "for the keys")

        run_steps(alice, steps)

    def test_click_goes_to_a_conversation(self, alice: FakeApp) -> None:
        alice.config.mouse = "on"

        async def steps(screen: ScreenHarness) -> None:
            await screen.wait_until(lambda: "\x1b[?1000h" in screen.output, "for mouse reports")
            row = next(at for at, line in enumerate(screen.lines, 1) if "2 ● zoo" in line)
            screen.type(f"\x1b[<0;5;{row}M\x1b[<0;5;{row}m")
            await screen.wait_for("#zoo ·")

        run_steps(alice, steps)
        assert ("submit", "") not in alice.calls

    def test_mouse_is_not_captured_by_default(self, alice: FakeApp) -> None:
        zoo = alice.state.conversations["#zoo"]
        zoo.timeline.messages.append(make_message("https://x.example", seq=4, conversation="#zoo"))

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-2")
            await screen.wait_for("https://x.example")
            assert "\x1b[?1000h" not in screen.output

        run_steps(alice, steps)
