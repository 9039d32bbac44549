"""What Tab offers."""

from chatroom.client.commands.completion import complete_word
from chatroom.client.model.state import ClientState, Conversation
from chatroom.protocol.values import Member
from tests.unit.client.view.fake import make_message


def state() -> ClientState:
    roster = [
        Member(username="Bob", nickname="BOB", entered=True, online=True),
        Member(username="Alice", nickname="ALICE", entered=True, online=True),
        Member(username="张三", nickname="小三", entered=True, online=True),
    ]
    made = ClientState(username="Alice", current="#lab")
    for conversation in (
        Conversation("#lab", member=True, roster=roster),
        Conversation("#lounge"),
        Conversation("@Carol", member=True),
    ):
        made.conversations[conversation.name] = conversation
    return made


def offered(text: str) -> list[str]:
    return [candidate.replacement for candidate in complete_word(state(), text, len(text))]


def test_command_is_completed_by_name_and_alias() -> None:
    assert offered("/jo") == ["/join "]
    assert offered("/ex") == ["/export ", "/exit "]
    assert "/quit " in offered("/")


def test_argument_is_completed_by_its_kind() -> None:
    assert offered("/join l") == ["#lab ", "#lounge "]
    assert offered("/join #lo") == ["#lounge "]
    assert offered("/msg c") == ["Carol "]
    assert offered("/switch @") == ["@Carol "]
    assert offered("/lang z") == ["zh "]
    assert offered("/help jo") == ["join "]


def test_member_is_completed_by_nickname_and_account() -> None:
    assert offered("hello b") == ["BOB ", "Bob "]
    assert offered("ask alic") == []  # not the user


def test_member_who_spoke_last_is_offered_first() -> None:
    lab = state()
    lab.conversations["#lab"].roster += [
        Member(username=name, nickname=name, entered=True, online=True) for name in ("Bea", "Ben")
    ]
    lab.conversations["#lab"].timeline.messages = [
        make_message("hi", seq=seq, username=name, nickname=name, conversation="#lab")
        for seq, name in enumerate(("Ben", "Bob", "Bea"), 1)
    ]
    names = [item.replacement for item in complete_word(lab, "ask b", 5)]
    assert names == ["Bea ", "BOB ", "Bob ", "Ben "]


def test_nickname_in_a_command_is_completed_to_its_account() -> None:
    assert offered("/kick 小") == ["张三 "]
    assert offered("/whois b") == ["Bob "]
    assert offered("/ignore ali") == []
    assert offered("/msg Carol b") == ["BOB ", "Bob "]


def test_completed_account_is_what_the_command_resolves() -> None:
    wang = state()
    wang.conversations["@Wang"] = Conversation("@Wang", member=True)
    wang.conversations["#lab"].roster += [
        Member(username="Carol", nickname="Wang Fang", entered=True, online=True),
        Member(username="Dave", nickname="Bob", entered=True, online=True),
    ]
    inserted = [candidate.replacement for candidate in complete_word(wang, "/msg Wang", 9)]
    assert inserted == ["Carol ", "@Wang "]
    assert [candidate.display for candidate in complete_word(wang, "/msg Wang", 9)] == [
        "Carol (Wang Fang)",
        "@Wang",
    ]
    assert [candidate.replacement for candidate in complete_word(wang, "/kick bob", 9)] == ["@Bob ", "Dave "]


def test_name_at_line_start_gets_a_colon() -> None:
    assert offered("小") == ["小三: "]
    assert offered("car") == ["Carol: "]


def test_mention_and_room_keep_their_signs() -> None:
    assert offered("hello @b") == ["@BOB ", "@Bob "]
    assert offered("@小") == ["@小三 "]
    assert offered("/msg @ca") == ["@Carol "]
    assert offered("come to #lo") == ["#lounge "]


def test_completion_in_the_middle_keeps_the_rest() -> None:
    [candidate] = complete_word(state(), "hey caro, come", len("hey caro"))
    assert (candidate.replacement, candidate.start) == ("Carol ", 4)


def test_emoji_is_completed_by_name() -> None:
    assert "😀" in offered("so funny :grinning_f")
    assert offered(":thumbsu")[0] == "👍"
    assert offered("well done :tada:") == ["🎉"]
    assert offered(":nosuchthing") == []


def test_empty_word_has_no_completions() -> None:
    assert offered("") == []
    assert offered("hello ") == []
