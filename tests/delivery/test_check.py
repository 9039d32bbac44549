"""Every rule lets a good story pass and catches the story that breaks it."""

import pytest

from tests.delivery.history import Move, Way
from tests.delivery.scene import Scene, notice, said


@pytest.fixture
def scene() -> Scene:
    """Ann and Bob are in the den."""
    return Scene("Ann", "Bob")


def test_a_good_story_breaks_nothing(scene: Scene) -> None:
    scene.tells("Ann", 0)
    scene.tells("Bob", 0)
    first = scene.sends("Ann", "m1")
    scene.shows("Ann", said("Ann", "m1", 1), cid="m1")
    scene.shows("Bob", said("Ann", "m1", 1))
    scene.acks(first, 1)
    scene.applies("Bob", 1)
    scene.says("Bob", "m1", 2)
    scene.shows("Ann", said("Bob", "m1", 2))
    scene.reads("Ann", said("Ann", "m1", 1), said("Bob", "m1", 2))
    scene.acks(scene.sends("Bob", "m1"), 2, duplicate=True)
    scene.heals()
    scene.ends_as(said("Ann", "m1", 1), said("Bob", "m1", 2), cids=((1, "m1"),))
    assert scene.broken() == set()


class TestStored:
    def test_an_acknowledged_message_that_is_gone(self, scene: Scene) -> None:
        scene.says("Ann", "m1", 1)
        scene.ends_as()
        assert "1" in scene.broken()

    def test_an_acknowledged_message_that_stands_elsewhere(self, scene: Scene) -> None:
        scene.says("Ann", "m1", 1)
        scene.says("Ann", "m2", 2)
        scene.ends_as(said("Ann", "m2", 1), said("Ann", "m1", 2))
        assert "1" in scene.broken()

    def test_an_acknowledged_message_with_another_time(self, scene: Scene) -> None:
        scene.says("Ann", "m1", 1)
        scene.ends_as(said("Ann", "m1", 1, time="12:01"))
        assert scene.broken() == {"1"}

    def test_an_acknowledged_message_in_a_conversation_that_nobody_can_read(self, scene: Scene) -> None:
        scene.says("Ann", "m1", 1)
        assert scene.broken() == {"1"}

    def test_a_message_that_is_there_twice(self, scene: Scene) -> None:
        scene.sends("Ann", "m1")
        scene.acks(scene.sends("Ann", "m1"), 1)
        scene.ends_as(said("Ann", "m1", 1), said("Ann", "m1", 2))
        assert scene.broken() == {"2"}

    def test_two_acknowledgements_that_disagree(self, scene: Scene) -> None:
        attempt = scene.sends("Ann", "m1")
        scene.acks(attempt, 1)
        scene.acks(attempt, 2, duplicate=True)
        scene.ends_as(said("Ann", "m1", 1))
        assert "2" in scene.broken()

    def test_two_acknowledgements_that_both_call_themselves_the_first(self, scene: Scene) -> None:
        attempt = scene.sends("Ann", "m1")
        scene.acks(attempt, 1)
        scene.acks(attempt, 1)
        scene.ends_as(said("Ann", "m1", 1))
        assert scene.broken() == {"2"}

    def test_the_same_cid_of_two_accounts_is_two_messages(self, scene: Scene) -> None:
        scene.says("Ann", "m1", 1)
        scene.says("Bob", "m1", 2)
        scene.ends_as(said("Ann", "m1", 1), said("Bob", "m1", 2))
        assert scene.broken() == set()

    def test_a_message_that_nobody_sent(self, scene: Scene) -> None:
        scene.ends_as(said("Ann", "m1", 1))
        assert scene.broken() == {"3"}

    def test_a_message_that_was_sent_elsewhere(self, scene: Scene) -> None:
        scene.sends("Ann", "m1", to="Ann&Bob")
        scene.ends_as(said("Ann", "m1", 1))
        assert "3" in scene.broken()

    def test_a_notice_of_somebody_who_never_came(self, scene: Scene) -> None:
        scene.ends_as(notice("enter", "Eve", 1))
        assert scene.broken() == {"3"}

    def test_a_refused_message_that_is_there(self, scene: Scene) -> None:
        scene.moves("Ann", Move.LEAVING)
        scene.refuses(scene.sends("Ann", "m1"), "not_entered")
        scene.ends_as(said("Ann", "m1", 1))
        assert scene.broken() == {"3"}

    def test_a_refused_message_of_which_another_copy_was_on_its_way(self, scene: Scene) -> None:
        scene.moves("Ann", Move.LEAVING)
        scene.sends("Ann", "m1")
        scene.refuses(scene.sends("Ann", "m1"), "not_entered")
        scene.ends_as(said("Ann", "m1", 1))
        assert scene.broken() == set()

    def test_a_refusal_without_reason(self, scene: Scene) -> None:
        scene.refuses(scene.sends("Ann", "m1"), "cid_reused")
        assert scene.broken() == {"3"}

    def test_a_refusal_because_a_resignation_came_late(self, scene: Scene) -> None:
        scene.moves("Ann", Move.RESIGNING)
        sent = scene.sends("Ann", "m1")
        scene.moves("Ann", Move.RESIGNED)
        scene.refuses(sent, "not_entered")
        scene.ends_as()
        assert scene.broken() == set()

    def test_a_refusal_long_after_a_resignation(self, scene: Scene) -> None:
        scene.moves("Ann", Move.RESIGNING)
        scene.moves("Ann", Move.RESIGNED)
        scene.refuses(scene.sends("Ann", "m1"), "not_entered")
        scene.ends_as()
        assert scene.broken() == {"3"}

    def test_an_unknown_outcome_may_be_there_or_not(self, scene: Scene) -> None:
        scene.refuses(scene.sends("Ann", "m1"), "unavailable")
        scene.acks(scene.sends("Ann", "m1"), 1)
        scene.ends_as(said("Ann", "m1", 1))
        assert scene.broken() == set()

    def test_a_second_content_under_an_old_cid(self, scene: Scene) -> None:
        scene.says("Ann", "m1", 1)
        forged = scene.sends("Ann", "m1", text="no, this", doomed="cid_reused")
        scene.acks(forged, 1, duplicate=True)
        scene.ends_as(said("Ann", "m1", 1))
        assert "3" in scene.broken()

    def test_a_hole(self, scene: Scene) -> None:
        scene.sends("Ann", "m1")
        scene.says("Ann", "m2", 2)
        scene.sends("Ann", "m3")
        scene.acks(scene.sends("Ann", "m1"), 1)
        scene.acks(scene.sends("Ann", "m3"), 4)
        scene.ends_as(said("Ann", "m1", 1), said("Ann", "m2", 2), said("Ann", "m3", 4))
        assert scene.broken() == {"4"}

    def test_a_time_that_goes_back(self, scene: Scene) -> None:
        scene.acks(scene.sends("Ann", "m1"), 1, time="12:05")
        scene.acks(scene.sends("Ann", "m2"), 2, time="12:04")
        scene.ends_as(said("Ann", "m1", 1, time="12:05"), said("Ann", "m2", 2, time="12:04"))
        assert scene.broken() == {"4"}

    @pytest.mark.parametrize(
        ("way", "bound", "seqs", "more"),
        [
            (Way.AFTER, 1, [2, 4], False),  # a hole
            (Way.AFTER, 1, [3, 4], False),  # something left out at the start
            (Way.AFTER, 1, [], True),  # more of nothing
            (Way.BEFORE, 3, [2, 3], True),  # not before
            (Way.BEFORE, 4, [2, 3], False),  # 1 is more
            (Way.NEWEST, 0, [1, 2], True),  # nothing is before 1
        ],
    )
    def test_a_torn_page(self, scene: Scene, way: Way, bound: int, seqs: list[int], more: bool) -> None:
        for seq in range(1, 5):
            scene.sends("Ann", f"m{seq}")
        messages = [said("Ann", f"m{seq}", seq) for seq in seqs]
        scene.reads("Bob", *messages, way=way, bound=bound, more=more)
        assert "4" in scene.broken()

    def test_what_was_sent_after_an_acknowledgement_stands_before_it(self, scene: Scene) -> None:
        scene.says("Ann", "m1", 2)
        scene.says("Bob", "m2", 1)
        scene.ends_as(said("Bob", "m2", 1), said("Ann", "m1", 2))
        assert scene.broken() == {"7"}

    def test_what_was_sent_while_another_was_on_its_way_may_stand_anywhere(self, scene: Scene) -> None:
        slow = scene.sends("Ann", "m1")
        scene.says("Bob", "m2", 1)
        scene.acks(slow, 2)
        scene.ends_as(said("Bob", "m2", 1), said("Ann", "m1", 2))
        assert scene.broken() == set()

    def test_one_clients_messages_overtake_each_other(self, scene: Scene) -> None:
        first, second = scene.sends("Ann", "m1"), scene.sends("Ann", "m2")
        scene.acks(second, 1)
        scene.acks(first, 2)
        scene.ends_as(said("Ann", "m2", 1), said("Ann", "m1", 2))
        assert scene.broken() == {"7"}


class TestShown:
    def test_two_saw_different_messages_at_one_place(self, scene: Scene) -> None:
        scene.sends("Ann", "m1")
        scene.sends("Bob", "m2")
        scene.shows("Ann", said("Ann", "m1", 1))
        scene.shows("Bob", said("Bob", "m2", 1))
        assert "5" in scene.broken()

    def test_a_message_that_was_shown_is_gone(self, scene: Scene) -> None:
        scene.sends("Ann", "m1")
        scene.shows("Bob", said("Ann", "m1", 1))
        scene.ends_as()
        assert "5" in scene.broken()

    def test_a_message_under_another_cid(self, scene: Scene) -> None:
        scene.sends("Ann", "m1")
        scene.shows("Ann", said("Ann", "m1", 1), cid="M1")
        assert "5" in scene.broken()

    def test_a_client_that_leaves_one_out(self, scene: Scene) -> None:
        scene.applies("Ann", 1, 2, 4)
        assert "6" in scene.broken()

    def test_events_that_leave_one_out(self, scene: Scene) -> None:
        for seq in (1, 2, 3):
            scene.sends("Ann", f"m{seq}")
        scene.shows("Bob", said("Ann", "m1", 1))
        scene.shows("Bob", said("Ann", "m3", 3))
        assert scene.broken() == {"6", "11"}

    def test_events_that_begin_too_late(self, scene: Scene) -> None:
        scene.sends("Ann", "m2")
        scene.tells("Bob", 0)
        scene.shows("Bob", said("Ann", "m2", 2))
        assert "6" in scene.broken()

    def test_events_that_began_before_the_head_was_told(self, scene: Scene) -> None:
        scene.sends("Ann", "m2")
        scene.shows("Bob", said("Ann", "m2", 2))
        scene.tells("Bob", 0)
        assert "6" in scene.broken()

    def test_a_new_connection_begins_anew(self, scene: Scene) -> None:
        scene.says("Ann", "m1", 1)
        scene.says("Ann", "m2", 2)
        scene.shows("Bob", said("Ann", "m1", 1), on=1)
        scene.tells("Bob", 2, on=2)
        scene.says("Ann", "m3", 3)
        scene.shows("Bob", said("Ann", "m3", 3), on=2)
        scene.ends_as(*(said("Ann", f"m{seq}", seq) for seq in (1, 2, 3)))
        assert scene.broken() == set()

    def test_a_read_that_does_not_show_what_was_acknowledged(self, scene: Scene) -> None:
        scene.says("Ann", "m1", 1)
        scene.reads("Bob")
        scene.ends_as(said("Ann", "m1", 1))
        assert scene.broken() == {"8"}

    def test_a_read_that_began_before_the_acknowledgement(self, scene: Scene) -> None:
        begun = scene.tick()
        scene.says("Ann", "m1", 1)
        scene.reads("Bob", begun=begun)
        scene.ends_as(said("Ann", "m1", 1))
        assert scene.broken() == set()

    def test_a_read_that_goes_back_behind_an_event(self, scene: Scene) -> None:
        attempt = scene.sends("Ann", "m1")
        scene.shows("Ann", said("Ann", "m1", 1))
        scene.tells("Bob", 0)
        scene.acks(attempt, 1)
        scene.ends_as(said("Ann", "m1", 1))
        assert scene.broken() == {"8"}


class TestSeats:
    def test_an_event_for_a_stranger(self, scene: Scene) -> None:
        scene.sends("Ann", "m1")
        scene.shows("Eve", said("Ann", "m1", 1))
        assert "9" in scene.broken()

    def test_a_page_for_a_stranger(self, scene: Scene) -> None:
        scene.reads("Eve")
        assert scene.broken() == {"9"}

    def test_an_event_after_resigning(self, scene: Scene) -> None:
        scene.sends("Ann", "m1")
        scene.moves("Bob", Move.RESIGNING)
        scene.moves("Bob", Move.RESIGNED)
        scene.shows("Bob", said("Ann", "m1", 1))
        assert "9" in scene.broken()

    def test_an_event_after_resigning_while_an_older_entry_may_still_take_effect(self, scene: Scene) -> None:
        scene.moves("Bob", Move.ENTERING)
        scene.moves("Bob", Move.RESIGNING, on=2)
        scene.moves("Bob", Move.RESIGNED, on=2)
        scene.acks(scene.sends("Ann", "m1"), 1)
        scene.shows("Bob", said("Ann", "m1", 1), on=2)
        scene.ends_as(said("Ann", "m1", 1))
        assert scene.broken() == set()

    def test_what_was_said_after_a_seat_was_given_up_elsewhere(self, scene: Scene) -> None:
        scene.moves("Bob", Move.RESIGNING)
        scene.moves("Bob", Move.GIVEN_UP)
        scene.sends("Ann", "m1")
        scene.shows("Bob", said("Ann", "m1", 1))
        assert "9" in scene.broken()

    def test_what_was_on_its_way_when_a_seat_was_given_up_elsewhere(self, scene: Scene) -> None:
        scene.moves("Bob", Move.RESIGNING)
        attempt = scene.sends("Ann", "m1")
        scene.moves("Bob", Move.GIVEN_UP)
        scene.shows("Bob", said("Ann", "m1", 1))
        scene.acks(attempt, 1)
        scene.moves("Bob", Move.RESIGNED)
        scene.ends_as(said("Ann", "m1", 1))
        assert scene.broken() == set()

    def test_more_members_than_seats_by_the_count(self, scene: Scene) -> None:
        scene.counts("Ann", 3, 2)
        assert scene.broken() == {"10"}

    def test_more_members_than_seats_by_who_sits_there(self, scene: Scene) -> None:
        scene.counts("Ann", 2, 2)
        scene.moves("Eve", Move.ENTERING)
        scene.moves("Eve", Move.ENTERED)
        assert scene.broken() == {"10"}

    def test_a_seat_that_was_given_up_may_be_taken(self, scene: Scene) -> None:
        scene.counts("Ann", 2, 2)
        scene.moves("Bob", Move.RESIGNING)
        scene.moves("Eve", Move.ENTERING)
        scene.moves("Eve", Move.ENTERED)
        assert scene.broken() == set()

    def test_an_entry_that_is_noticed_twice(self, scene: Scene) -> None:
        scene.ends_as(notice("enter", "Ann", 1), notice("enter", "Ann", 2))
        assert scene.broken() == {"D7"}

    def test_a_leaving_of_somebody_outside(self, scene: Scene) -> None:
        scene.ends_as(notice("enter", "Ann", 1), notice("leave", "Ann", 2), notice("leave", "Ann", 3))
        assert scene.broken() == {"D7"}


class TestRecovery:
    def test_a_message_without_an_answer(self, scene: Scene) -> None:
        scene.sends("Ann", "m1")
        scene.ends_as(said("Ann", "m1", 1))
        assert scene.broken() == {"11"}

    def test_an_answer_long_after_healing(self, scene: Scene) -> None:
        attempt = scene.sends("Ann", "m1")
        scene.heals()
        scene.clock += 11
        scene.acks(attempt, 1)
        scene.ends_as(said("Ann", "m1", 1))
        assert scene.broken() == {"11"}

    def test_unavailable_is_no_answer(self, scene: Scene) -> None:
        scene.refuses(scene.sends("Ann", "m1"), "unavailable")
        scene.ends_as(said("Ann", "m1", 1))
        assert scene.broken() == {"11"}

    @pytest.mark.parametrize(("code", "seconds"), [(1, 0.5), (0, 12.0), (-9, 0.1)])
    def test_a_server_that_does_not_end_as_asked(self, scene: Scene, code: int, seconds: float) -> None:
        scene.stops(code, seconds)
        assert scene.broken() == {"stop"}


def test_a_private_chat_is_for_its_two() -> None:
    scene = Scene("Ann", "Bob", conversation="Ann&Bob")
    scene.reads("Bob", conversation="Ann&Bob")
    scene.reads("Eve", conversation="Ann&Bob")
    assert scene.broken() == {"9"}
