"""Writing in front of the whole screen: drafts, pastes, what was written before."""

import pytest
from chatroom.client.text import i18n

from tests.unit.client.view.fake import FakeApp, arrive
from tests.unit.client.view.stage import Stage, play, typed


async def send(one: Stage, text: str) -> None:
    one.type(f"{text}\r")
    await one.until(lambda: ("submit", text) in one.app.asked, "for the line to be sent")


@pytest.mark.usefixtures("english")
class TestWriting:
    def test_enter_sends_and_a_further_key_makes_a_new_line(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            one.type("one")
            one.press("Alt-Enter")
            one.type("two")
            await one.until(lambda: one.lines[-2:] == ["> one", "  two"], "for two lines")
            one.press("Enter")
            await one.until(lambda: typed(one) == i18n.translate("view.placeholder"), "for an empty input")

        play(alice, tale)
        assert ("submit", "one\ntwo") in alice.asked

    def test_every_conversation_has_its_draft(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-2")
            one.type("for the zoo")
            one.press("Alt-1")
            await one.until(lambda: typed(one) == i18n.translate("view.placeholder"), "for the other's input")
            one.press("Alt-2")
            await one.until(lambda: typed(one) == "for the zoo", "for the draft")
            one.press("Esc")
            one.press("F1")
            await one.sees("Keys")
            assert typed(one) == "for the zoo"

        play(alice, tale)

    def test_a_paste_of_many_lines_is_asked_about_and_never_sent_by_itself(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.type("before ")
            one.paste("\r".join(f"line {number}" for number in range(6)))
            await one.sees("6 lines pasted", "line 5")
            one.press("Esc")
            await one.until(lambda: typed(one) == "before", "for the paste to be undone")
            one.paste("two\nlines")
            await one.until(lambda: one.lines[-2:] == ["> before two", "  lines"], "for a short paste")

        play(alice, tale)
        assert not alice.asked

    def test_a_paste_without_brackets_is_not_sent_line_by_line(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.type("one\rtwo\r\rthree\r")
            await one.sees("4 lines pasted")
            one.press("Enter")
            await one.until(lambda: alice.asked != [], "for the message")

        play(alice, tale)
        assert alice.asked == [("submit", "one\ntwo\n\nthree")]

    def test_what_is_pasted_before_the_end_of_a_line_waits_for_enter(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.type("one\rtwo")
            await one.until(lambda: one.lines[-2:] == ["> one", "  two"], "for two lines")
            one.press("Enter")
            await one.until(lambda: alice.asked != [], "for the message")

        play(alice, tale)
        assert alice.asked == [("submit", "one\ntwo")]

    def test_commands_may_be_pasted(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.type("/join lab\rhello\r")
            await one.until(lambda: len(alice.asked) == 2, "for both")

        play(alice, tale)
        assert alice.asked == [("submit", "/join lab"), ("submit", "hello")]

    def test_ctrl_c_clears_then_asks_and_typing_on_is_an_answer(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.type("half a th")
            one.press("Ctrl-C")
            await one.until(lambda: typed(one) == i18n.translate("view.placeholder"), "for an empty input")
            assert not alice.done.is_set()
            one.press("Ctrl-C")
            await one.sees(i18n.translate("question.quit"))
            one.type("x")
            await one.loses(i18n.translate("question.quit"))
            assert typed(one) == "x"
            one.press("Ctrl-C", "Ctrl-C", "Ctrl-C")
            await alice.done.wait()

        play(alice, tale)

    def test_the_arrow_brings_back_what_was_written(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.type("first\r")
            await one.until(lambda: ("submit", "first") in alice.asked, "for the first to be sent")
            one.type("second\r")
            await one.until(lambda: ("submit", "second") in alice.asked, "for both to be sent")
            one.press("Up")
            await one.until(lambda: typed(one) == "second", "for the newer line")
            one.press("Up")
            await one.until(lambda: typed(one) == "first", "for the older line")

        play(alice, tale)

    def test_ctrl_r_searches_what_was_written(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.type("first thing\r")
            await one.until(lambda: ("submit", "first thing") in alice.asked, "for the first to be sent")
            one.type("second\r")
            await one.until(lambda: ("submit", "second") in alice.asked, "for both to be sent")
            one.press("Ctrl-R")
            one.type("thi")
            await one.until(lambda: typed(one) == "first thing", "for what was searched")
            one.press("Enter")
            await one.loses(i18n.translate("view.search_back").strip())
            one.type("!\r")
            await one.until(lambda: ("submit", "first !thing") in alice.asked, "for it to be sent")

        play(alice, tale)

    def test_a_search_that_is_given_up_leaves_the_draft(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            one.type("first thing\r")
            await one.until(lambda: alice.asked != [], "for the line to be sent")
            one.type("a draft")
            one.press("Ctrl-R")
            one.type("thi")
            await one.until(lambda: typed(one) == "first thing", "for what was searched")
            one.press("Esc")
            await one.until(lambda: typed(one) == "a draft", "for the draft")

        play(alice, tale)

    @pytest.mark.parametrize("keys", [("Esc",), ("Ctrl-G",), ("Ctrl-R", "Esc"), ("Ctrl-R", "Ctrl-G")])
    def test_aborted_search_after_several_steps_restores_the_draft(
        self, alice: FakeApp, keys: tuple[str, ...]
    ) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            for text in ("thing one", "thing two", "thing three"):
                await send(one, text)
            one.type("a draft")
            one.press("Ctrl-R")
            one.type("thing")
            await one.until(lambda: typed(one) == "thing three", "for the newest match")
            one.press("Ctrl-R")
            await one.until(lambda: typed(one) == "thing two", "for the match before it")
            one.press(*keys)
            await one.until(lambda: typed(one) == "a draft", "for the draft")

        play(alice, tale)
        assert alice.state.conversations["#thuhole"].draft == "a draft"

    def test_ctrl_s_and_ctrl_q_insert_nothing(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.type("a draft")
            for keys in (("Ctrl-S", "Ctrl-Q", "Ctrl-S"), ("Ctrl-Q", "Ctrl-S")):
                one.press(*keys)
                await one.sees(i18n.translate("view.search_on").strip())
                one.press("Esc")
                await one.loses(i18n.translate("view.search_on").strip())
            one.type("!")
            await one.until(lambda: typed(one) == "a draft!", "for the draft alone")

        play(alice, tale)

    def test_tab_completes_a_command(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.type("/mem")
            one.press("Tab")
            await one.until(lambda: typed(one) == "/members", "for the command")

        play(alice, tale)


@pytest.mark.usefixtures("english")
class TestHistoryAndDraft:
    @staticmethod
    async def recall(one: Stage) -> None:
        """Send a line in the first room, type a draft, and show the sent line again."""
        one.press("Alt-1")
        one.type("old line\r")
        await one.until(lambda: ("submit", "old line") in one.app.asked, "for the line to be sent")
        one.type("a draft")
        one.press("Up")
        await one.until(lambda: typed(one) == "old line", "for the sent line")

    @staticmethod
    def draft(one: Stage) -> str:
        return one.app.state.conversations["#thuhole"].draft

    @pytest.mark.parametrize("there_and_back", [("Ctrl-N", "Ctrl-P"), ("Alt-0", "Alt-1"), ("Alt-2", "Alt-1")])
    def test_switch_while_a_sent_line_is_shown_keeps_the_draft(
        self, alice: FakeApp, there_and_back: tuple[str, str]
    ) -> None:
        there, back = there_and_back

        async def tale(one: Stage) -> None:
            await self.recall(one)
            assert self.draft(one) == "a draft"
            one.press(there)
            await one.until(lambda: "old line" not in typed(one), "for the other conversation")
            one.press(back)
            await one.until(lambda: typed(one) == "a draft", "for the draft")

        play(alice, tale)

    def test_message_that_arrives_leaves_the_shown_line(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            await self.recall(one)
            arrive(alice.state, "#thuhole", "news")
            alice.on_change()
            await one.sees("news")
            assert typed(one) == "old line"

        play(alice, tale)

    def test_sent_history_line_brings_the_draft_back(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            await self.recall(one)
            one.press("Enter")
            await one.until(lambda: alice.asked.count(("submit", "old line")) == 2, "for it to be sent again")
            await one.until(lambda: typed(one) == "a draft", "for the draft")

        play(alice, tale)

    def test_edited_history_line_gives_way_to_the_draft_and_can_be_recalled(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            await self.recall(one)
            one.type(" edited")
            await one.until(lambda: typed(one) == "old line edited", "for the edited line")
            assert self.draft(one) == "a draft"
            one.press("Alt-2", "Alt-1")
            await one.until(lambda: typed(one) == "a draft", "for the draft")
            one.press("Up")
            await one.until(lambda: typed(one) == "old line edited", "for the edited line")

        play(alice, tale)

    def test_edited_history_line_without_a_draft_becomes_the_draft(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            await self.recall(one)
            one.press("Down", "Ctrl-U", "Up")
            one.type(" edited")
            await one.until(lambda: typed(one) == "old line edited", "for the edited line")
            one.press("Alt-2", "Alt-1")
            await one.until(lambda: typed(one) == "old line edited", "for the edited line as the draft")

        play(alice, tale)
