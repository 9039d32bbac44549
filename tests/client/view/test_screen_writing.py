"""Writing in front of the whole screen: drafts, pastes, what was written before."""

import pytest

from client import words
from tests.client.view.fake import FakeApp
from tests.client.view.stage import Stage, play, typed


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
            await one.until(lambda: typed(one) == words.say("view.placeholder"), "for an empty input")

        play(alice, tale)
        assert ("submit", "one\ntwo") in alice.asked

    def test_every_conversation_has_its_draft(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-2")
            one.type("for the zoo")
            one.press("Alt-1")
            await one.until(lambda: typed(one) == words.say("view.placeholder"), "for the other's input")
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
            await one.until(lambda: typed(one) == words.say("view.placeholder"), "for an empty input")
            assert not alice.done.is_set()
            one.press("Ctrl-C")
            await one.sees(words.say("question.quit"))
            one.type("x")
            await one.loses(words.say("question.quit"))
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
            await one.loses(words.say("view.search_back").strip())
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

    def test_tab_completes_a_command(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.type("/mem")
            one.press("Tab")
            await one.until(lambda: typed(one) == "/members", "for the command")

        play(alice, tale)
