"""``export`` on a real socket: the messages and permissions of ``history``, with its own rate limit."""

import pytest

from tests.conftest import Serve
from tests.contract.test_revisions import change, inside, page, say
from tests.support.processes import Json, Wire

__all__ = ["inside"]


def exported(wire: Wire, conversation: str, **fields: object) -> list[Json]:
    messages: list[Json] = wire.request("export", conversation=conversation, **fields)["messages"]
    return messages


def test_export_equals_history(alice: Wire, bob: Wire, inside: str) -> None:
    first, second, third = say(alice, inside, "teh"), say(bob, inside, "oops"), say(alice, inside, "三点")
    change(alice, inside, "edit", first, "the")
    change(bob, inside, "delete", second)
    change(bob, inside, "react", third, "👍")
    for reader in (alice, bob):
        assert exported(reader, inside) == page(reader, inside)
        assert exported(reader, inside, after=third) == page(reader, inside, after=third)


def test_export_reports_more(alice: Wire, inside: str) -> None:
    last = say(alice, inside)
    answer = alice.request("export", conversation=inside, limit=2)
    assert ([message["seq"] for message in answer["messages"]], answer["more"]) == ([1, 2], True)
    answer = alice.request("export", conversation=inside, after=2)
    assert ([message["seq"] for message in answer["messages"]], answer["more"]) == ([last], False)


def test_export_of_private_chat_is_for_its_two_accounts(alice: Wire, bob: Wire, carol: Wire) -> None:
    alice.request("add_friend", username=bob.username)
    alice.request("send", to=bob.name, text="psst")
    alice.request("remove_friend", username=bob.username)
    assert [message["text"] for message in exported(bob, alice.name)] == ["psst"]
    assert carol.refusal("export", conversation=alice.name) == "not_friends"


def test_export_of_room_is_for_its_members(carol: Wire, inside: str) -> None:
    assert carol.refusal("export", conversation=inside) == "not_a_member"
    assert carol.refusal("export", conversation="#nowhere") == "unknown_room"


def test_export_page_has_the_announced_length(serve: Serve) -> None:
    alice = serve(settings=("limits.export_page=3",)).user("Alice")
    alice.request("create_room", room="#lab", capacity=2)
    alice.request("enter_room", room="#lab", nickname="ALICE")
    for _ in range(5):
        say(alice, "#lab")
    assert alice.welcome["limits"]["export"] == 3
    assert len(exported(alice, "#lab")) == len(exported(alice, "#lab", limit=100)) == 3


@pytest.mark.parametrize(("asked", "other"), [("export", "history"), ("history", "export")])
def test_history_and_export_have_separate_rates(serve: Serve, asked: str, other: str) -> None:
    slow = ("limits.rate=1", "limits.requests_rate=0.01", "limits.export_rate=0.01")
    server = serve(settings=(*slow, "limits.requests_burst=9", "limits.export_burst=9"))
    alice = server.user("Alice")
    while alice.ask(asked, conversation="#nowhere")["code"] != "rate_limited":
        pass
    assert alice.refusal(other, conversation="#nowhere") == "unknown_room"
