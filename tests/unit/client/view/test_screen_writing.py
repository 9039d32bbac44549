"""Input on the full screen: drafts, pastes, and the history of sent lines."""

import asyncio

import pytest
from prompt_toolkit.key_binding.vi_state import InputMode

from chatroom.client.text import i18n
from tests.unit.client.view.fake import FakeApp, add_messages, add_room
from tests.unit.client.view.harness import ScreenHarness, input_line, run_steps


async def send(screen: ScreenHarness, text: str) -> None:
    screen.type(f"{text}\r")
    await screen.wait_until(lambda: ("submit", text) in screen.app.calls, "for the line to be sent")


@pytest.mark.usefixtures("english")
class TestInput:
    def test_enter_sends_and_alt_enter_inserts_a_line_break(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            screen.type("one")
            screen.press("Alt-Enter")
            screen.type("two")
            await screen.wait_until(lambda: screen.lines[-2:] == ["> one", "  two"], "for two lines")
            screen.press("Enter")
            await screen.wait_until(
                lambda: input_line(screen) == i18n.translate("view.placeholder"), "for an empty input"
            )

        run_steps(alice, steps)
        assert ("submit", "one\ntwo") in alice.calls

    def test_each_conversation_keeps_its_draft(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-2")
            screen.type("for the zoo")
            screen.press("Alt-1")
            await screen.wait_until(
                lambda: input_line(screen) == i18n.translate("view.placeholder"), "for an empty input"
            )
            screen.press("Alt-2")
            await screen.wait_until(lambda: input_line(screen) == "for the zoo", "for the draft")
            screen.press("Esc")
            screen.press("F1")
            await screen.wait_for("Writing")
            assert input_line(screen) == "for the zoo"

        run_steps(alice, steps)

    def test_long_paste_asks_before_it_is_sent(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.type("before ")
            screen.paste("\r".join(f"line {number}" for number in range(6)))
            await screen.wait_for("6 lines pasted", "line 5")
            screen.press("Esc")
            await screen.wait_until(lambda: input_line(screen) == "before", "for the paste to be undone")
            screen.paste("two\nlines")
            await screen.wait_until(
                lambda: screen.lines[-2:] == ["> before two", "  lines"], "for a short paste"
            )

        run_steps(alice, steps)
        assert not alice.calls

    def test_lines_typed_ahead_are_sent_one_by_one(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.type("one\rtwo\r/join lab\rthree\r")
            await screen.wait_until(lambda: len(alice.calls) == 4, "for the lines")

        run_steps(alice, steps)
        assert alice.calls == [("submit", line) for line in ("one", "two", "/join lab", "three")]

    def test_paste_without_brackets_keeps_line_ends_over_a_slow_link(
        self, alice: FakeApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TERM", "linux")
        monkeypatch.delenv("TMUX", raising=False)

        async def steps(screen: ScreenHarness) -> None:
            screen.type("one\rtwo\r")
            await screen.wait_for("  two")
            screen.type("\rthree\rfour")
            await screen.wait_for("  four")
            screen.press("Enter")
            await screen.wait_until(lambda: alice.calls != [], "for the message")

        run_steps(alice, steps)
        assert alice.calls == [("submit", "one\ntwo\n\nthree\nfour")]

    def test_commands_pasted_without_brackets_are_run(
        self, alice: FakeApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TERM", "linux")
        monkeypatch.delenv("TMUX", raising=False)

        async def steps(screen: ScreenHarness) -> None:
            screen.type("/join lab\rhello\r")
            await screen.wait_until(lambda: len(alice.calls) == 2, "for both")

        run_steps(alice, steps)
        assert alice.calls == [("submit", "/join lab"), ("submit", "hello")]

    def test_paste_without_end_does_not_swallow_keys(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.type("\x1b[200~half a paste")
            await screen.wait_for("> half a paste")
            screen.type(" typed")
            await screen.wait_for("> half a paste typed")
            screen.press("Ctrl-C")
            await screen.wait_gone("half a paste")
            screen.paste("whole")
            await screen.wait_for("> whole")

        run_steps(alice, steps)

    def test_ctrl_c_clears_the_input_then_asks_to_quit(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.type("half a th")
            screen.press("Ctrl-C")
            await screen.wait_until(
                lambda: input_line(screen) == i18n.translate("view.placeholder"), "for an empty input"
            )
            assert not alice.done.is_set()
            screen.press("Ctrl-C")
            await screen.wait_for(i18n.translate("question.quit"))
            screen.type("x")
            await screen.wait_gone(i18n.translate("question.quit"))
            assert input_line(screen) == "x"
            screen.press("Ctrl-C", "Ctrl-C", "Ctrl-C")
            await alice.done.wait()

        run_steps(alice, steps)

    def test_up_recalls_sent_lines(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.type("first\r")
            await screen.wait_until(lambda: ("submit", "first") in alice.calls, "for the first to be sent")
            screen.type("second\r")
            await screen.wait_until(lambda: ("submit", "second") in alice.calls, "for both to be sent")
            screen.press("Up")
            await screen.wait_until(lambda: input_line(screen) == "second", "for the newer line")
            screen.press("Up")
            await screen.wait_until(lambda: input_line(screen) == "first", "for the older line")

        run_steps(alice, steps)

    def test_ctrl_r_searches_sent_lines(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.type("first thing\r")
            await screen.wait_until(
                lambda: ("submit", "first thing") in alice.calls, "for the first to be sent"
            )
            screen.type("second\r")
            await screen.wait_until(lambda: ("submit", "second") in alice.calls, "for both to be sent")
            screen.press("Ctrl-R")
            screen.type("thi")
            await screen.wait_until(lambda: input_line(screen) == "first thing", "for the match")
            screen.press("Enter")
            await screen.wait_gone(i18n.translate("view.search_back").strip())
            screen.type("!\r")
            await screen.wait_until(lambda: ("submit", "first !thing") in alice.calls, "for it to be sent")

        run_steps(alice, steps)

    def test_aborted_search_restores_the_draft(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            screen.type("first thing\r")
            await screen.wait_until(lambda: alice.calls != [], "for the line to be sent")
            screen.type("a draft")
            screen.press("Ctrl-R")
            screen.type("thi")
            await screen.wait_until(lambda: input_line(screen) == "first thing", "for the match")
            screen.press("Ctrl-G")
            await screen.wait_until(lambda: input_line(screen) == "a draft", "for the draft")

        run_steps(alice, steps)

    @pytest.mark.parametrize("keys", [("Ctrl-G",), ("Ctrl-R", "Ctrl-G"), ("Ctrl-C",)])
    def test_aborted_search_after_several_steps_restores_the_draft(
        self, alice: FakeApp, keys: tuple[str, ...]
    ) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            for text in ("thing one", "thing two", "thing three"):
                await send(screen, text)
            screen.type("a draft")
            screen.press("Ctrl-R")
            screen.type("thing")
            await screen.wait_until(lambda: input_line(screen) == "thing three", "for the newest match")
            screen.press("Ctrl-R")
            await screen.wait_until(lambda: input_line(screen) == "thing two", "for the match before it")
            screen.press(*keys)
            await screen.wait_until(lambda: input_line(screen) == "a draft", "for the draft")

        run_steps(alice, steps)
        assert alice.state.conversations["#thuhole"].draft == "a draft"

    @pytest.mark.parametrize("key", ["Esc", "Tab", "Right", "End", "Enter"])
    def test_key_that_takes_the_match_inserts_what_is_shown(self, alice: FakeApp, key: str) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await send(screen, "thing one")
            screen.press("Ctrl-R")
            screen.type("thing")
            await screen.wait_until(lambda: input_line(screen) == "thing one", "for the match")
            screen.press(key)
            await screen.wait_gone(i18n.translate("view.search_back").strip())
            assert input_line(screen) == "thing one"

        run_steps(alice, steps)
        assert alice.calls.count(("submit", "thing one")) == 1

    def test_each_conversation_has_its_own_input_history(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await send(screen, "for the first")
            screen.press("Alt-2")
            await screen.wait_for("#zoo ·")
            await send(screen, "for the second")
            screen.press("Up")
            await screen.wait_until(lambda: input_line(screen) == "for the second", "for the line")
            screen.press("Up", "Alt-1")
            await screen.wait_for("#thuhole ·")
            screen.press("Up")
            await screen.wait_until(lambda: input_line(screen) == "for the first", "for the line")

        run_steps(alice, steps)

    def test_esc_then_a_key_is_the_same_as_alt(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.full_screen.application.timeoutlen = 60.0  # wait for the key, on a slow machine too
            screen.press("Alt-1")
            await screen.wait_for("#thuhole ·")
            pressed = asyncio.Event()
            screen.full_screen.application.key_processor.after_key_press += lambda _: pressed.set()
            screen.press("Esc")
            await pressed.wait()
            screen.press("2")
            await screen.wait_for("#zoo ·")
            assert input_line(screen) == i18n.translate("view.placeholder")

        run_steps(alice, steps)

    def test_vi_editing_has_modes(self, alice: FakeApp) -> None:
        alice.config.editing = "vi"

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            screen.type("one two")
            await screen.wait_until(lambda: input_line(screen) == "one two", "for the text")
            vi_state = screen.full_screen.application.vi_state
            screen.press("Esc")
            await screen.wait_until(lambda: vi_state.input_mode == InputMode.NAVIGATION, "for Esc")
            screen.type("0dwA!")
            await screen.wait_until(lambda: input_line(screen) == "two!", "for the change")

        run_steps(alice, steps)

    def test_title_of_the_terminal_has_unread_counts_and_no_foreign_sequence(self, alice: FakeApp) -> None:
        add_room(alice.state, "#a\x1b]0;x\x07").unread = 3

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-3")
            await screen.wait_until(lambda: "\x1b]2;(3) #zoo\x1b\\" in screen.output, "for the title")
            screen.press("Alt-1")
            await screen.wait_until(lambda: "\x1b]2;#a" in screen.output, "for the other title")
            assert "\x1b]0;x" not in screen.output

        run_steps(alice, steps)

    def test_ctrl_s_and_ctrl_q_insert_nothing(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.type("a draft")
            for keys in (("Ctrl-S", "Ctrl-Q", "Ctrl-S"), ("Ctrl-Q", "Ctrl-S")):
                screen.press(*keys)
                await screen.wait_for(i18n.translate("view.search_on").strip())
                screen.press("Esc")
                await screen.wait_gone(i18n.translate("view.search_on").strip())
            screen.type("!")
            await screen.wait_until(lambda: input_line(screen) == "a draft!", "for the draft alone")

        run_steps(alice, steps)

    def test_tab_completes_a_command(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.type("/mem")
            screen.press("Tab")
            await screen.wait_until(lambda: input_line(screen) == "/members", "for the command")

        run_steps(alice, steps)


@pytest.mark.usefixtures("english")
class TestRecalledLineAndDraft:
    @staticmethod
    async def recall(screen: ScreenHarness) -> None:
        """Send a line in the first room, type a draft, and recall the sent line."""
        screen.press("Alt-1")
        screen.type("old line\r")
        await screen.wait_until(lambda: ("submit", "old line") in screen.app.calls, "for the line to be sent")
        screen.type("a draft")
        screen.press("Up")
        await screen.wait_until(lambda: input_line(screen) == "old line", "for the sent line")

    @staticmethod
    def draft(screen: ScreenHarness) -> str:
        return screen.app.state.conversations["#thuhole"].draft

    @pytest.mark.parametrize("there_and_back", [("Ctrl-N", "Ctrl-P"), ("Alt-0", "Alt-1"), ("Alt-2", "Alt-1")])
    def test_switch_while_a_recalled_line_is_shown_keeps_the_draft(
        self, alice: FakeApp, there_and_back: tuple[str, str]
    ) -> None:
        leave, enter = there_and_back

        async def steps(screen: ScreenHarness) -> None:
            await self.recall(screen)
            assert self.draft(screen) == "a draft"
            screen.press(leave)
            await screen.wait_until(
                lambda: "old line" not in input_line(screen), "for the other conversation"
            )
            screen.press(enter)
            await screen.wait_until(lambda: input_line(screen) == "a draft", "for the draft")

        run_steps(alice, steps)

    def test_new_message_leaves_the_recalled_line(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            await self.recall(screen)
            add_messages(alice.state, "#thuhole", "news")
            alice.front_end.state_changed()
            await screen.wait_for("news")
            assert input_line(screen) == "old line"

        run_steps(alice, steps)

    def test_sending_a_recalled_line_restores_the_draft(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            await self.recall(screen)
            screen.press("Enter")
            await screen.wait_until(
                lambda: alice.calls.count(("submit", "old line")) == 2, "for it to be sent again"
            )
            await screen.wait_until(lambda: input_line(screen) == "a draft", "for the draft")

        run_steps(alice, steps)

    def test_edited_recalled_line_is_kept_in_the_input_history(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            await self.recall(screen)
            screen.type(" edited")
            await screen.wait_until(lambda: input_line(screen) == "old line edited", "for the edited line")
            assert self.draft(screen) == "a draft"
            screen.press("Alt-2", "Alt-1")
            await screen.wait_until(lambda: input_line(screen) == "a draft", "for the draft")
            screen.press("Up")
            await screen.wait_until(lambda: input_line(screen) == "old line edited", "for the edited line")

        run_steps(alice, steps)

    def test_edited_recalled_line_without_a_draft_becomes_the_draft(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            await self.recall(screen)
            screen.press("Down", "Ctrl-U", "Up")
            screen.type(" edited")
            await screen.wait_until(lambda: input_line(screen) == "old line edited", "for the edited line")
            screen.press("Alt-2", "Alt-1")
            await screen.wait_until(
                lambda: input_line(screen) == "old line edited", "for the edited line as the draft"
            )

        run_steps(alice, steps)
