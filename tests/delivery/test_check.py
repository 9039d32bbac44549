"""Each rule accepts valid histories and detects histories that break it."""

import pytest

from tests.delivery.history import Move, Way
from tests.delivery.scenario import Scenario, notice, text_message


@pytest.fixture
def scene() -> Scenario:
    """Ann and Bob are in the den."""
    return Scenario("Ann", "Bob")


def test_valid_history_breaks_no_rule(scene: Scenario) -> None:
    scene.reports_head("Ann", 0)
    scene.reports_head("Bob", 0)
    first = scene.sends("Ann", "m1")
    scene.shows("Ann", text_message("Ann", "m1", 1), cid="m1")
    scene.shows("Bob", text_message("Ann", "m1", 1))
    scene.acks(first, 1)
    scene.applies("Bob", 1)
    scene.sends_acked("Bob", "m1", 2)
    scene.shows("Ann", text_message("Bob", "m1", 2))
    scene.reads("Ann", text_message("Ann", "m1", 1), text_message("Bob", "m1", 2))
    scene.acks(scene.sends("Bob", "m1"), 2, duplicate=True)
    scene.heals()
    scene.ends_as(text_message("Ann", "m1", 1), text_message("Bob", "m1", 2), cids=((1, "m1"),))
    assert scene.broken() == set()


class TestStored:
    def test_missing_acknowledged_message_breaks_rule_1(self, scene: Scenario) -> None:
        scene.sends_acked("Ann", "m1", 1)
        scene.ends_as()
        assert "1" in scene.broken()

    def test_acknowledged_message_at_other_seq_breaks_rule_1(self, scene: Scenario) -> None:
        scene.sends_acked("Ann", "m1", 1)
        scene.sends_acked("Ann", "m2", 2)
        scene.ends_as(text_message("Ann", "m2", 1), text_message("Ann", "m1", 2))
        assert "1" in scene.broken()

    def test_acknowledged_message_with_other_time_breaks_rule_1(self, scene: Scenario) -> None:
        scene.sends_acked("Ann", "m1", 1)
        scene.ends_as(text_message("Ann", "m1", 1, time="12:01"))
        assert scene.broken() == {"1"}

    def test_acknowledged_message_in_unread_conversation_breaks_rule_1(self, scene: Scenario) -> None:
        scene.sends_acked("Ann", "m1", 1)
        assert scene.broken() == {"1"}

    def test_message_stored_twice_breaks_rule_2(self, scene: Scenario) -> None:
        scene.sends("Ann", "m1")
        scene.acks(scene.sends("Ann", "m1"), 1)
        scene.ends_as(text_message("Ann", "m1", 1), text_message("Ann", "m1", 2))
        assert scene.broken() == {"2"}

    def test_contradicting_acknowledgements_break_rule_2(self, scene: Scenario) -> None:
        attempt = scene.sends("Ann", "m1")
        scene.acks(attempt, 1)
        scene.acks(attempt, 2, duplicate=True)
        scene.ends_as(text_message("Ann", "m1", 1))
        assert "2" in scene.broken()

    def test_two_first_acknowledgements_break_rule_2(self, scene: Scenario) -> None:
        attempt = scene.sends("Ann", "m1")
        scene.acks(attempt, 1)
        scene.acks(attempt, 1)
        scene.ends_as(text_message("Ann", "m1", 1))
        assert scene.broken() == {"2"}

    def test_same_cid_of_two_accounts_is_allowed(self, scene: Scenario) -> None:
        scene.sends_acked("Ann", "m1", 1)
        scene.sends_acked("Bob", "m1", 2)
        scene.ends_as(text_message("Ann", "m1", 1), text_message("Bob", "m1", 2))
        assert scene.broken() == set()

    def test_message_never_sent_breaks_rule_3(self, scene: Scenario) -> None:
        scene.ends_as(text_message("Ann", "m1", 1))
        assert scene.broken() == {"3"}

    def test_message_sent_to_other_conversation_breaks_rule_3(self, scene: Scenario) -> None:
        scene.sends("Ann", "m1", to="Ann&Bob")
        scene.ends_as(text_message("Ann", "m1", 1))
        assert "3" in scene.broken()

    def test_system_message_of_absent_account_breaks_rule_3(self, scene: Scenario) -> None:
        scene.ends_as(notice("enter", "Eve", 1))
        assert scene.broken() == {"3"}

    def test_stored_message_after_refusal_breaks_rule_3(self, scene: Scenario) -> None:
        scene.moves("Ann", Move.LEAVING)
        scene.refuses(scene.sends("Ann", "m1"), "not_entered")
        scene.ends_as(text_message("Ann", "m1", 1))
        assert scene.broken() == {"3"}

    def test_refused_message_with_other_open_attempt_is_allowed(self, scene: Scenario) -> None:
        scene.moves("Ann", Move.LEAVING)
        scene.sends("Ann", "m1")
        scene.refuses(scene.sends("Ann", "m1"), "not_entered")
        scene.ends_as(text_message("Ann", "m1", 1))
        assert scene.broken() == set()

    def test_refusal_without_reason_breaks_rule_3(self, scene: Scenario) -> None:
        scene.refuses(scene.sends("Ann", "m1"), "cid_reused")
        assert scene.broken() == {"3"}

    def test_refusal_after_late_resignation_is_allowed(self, scene: Scenario) -> None:
        scene.moves("Ann", Move.RESIGNING)
        sent = scene.sends("Ann", "m1")
        scene.moves("Ann", Move.RESIGNED)
        scene.refuses(sent, "not_entered")
        scene.ends_as()
        assert scene.broken() == set()

    def test_refusal_long_after_resignation_breaks_rule_3(self, scene: Scenario) -> None:
        scene.moves("Ann", Move.RESIGNING)
        scene.moves("Ann", Move.RESIGNED)
        scene.refuses(scene.sends("Ann", "m1"), "not_entered")
        scene.ends_as()
        assert scene.broken() == {"3"}

    def test_message_with_unknown_outcome_may_be_stored_or_not(self, scene: Scenario) -> None:
        scene.refuses(scene.sends("Ann", "m1"), "unavailable")
        scene.acks(scene.sends("Ann", "m1"), 1)
        scene.ends_as(text_message("Ann", "m1", 1))
        assert scene.broken() == set()

    def test_other_content_under_same_cid_breaks_rule_3(self, scene: Scenario) -> None:
        scene.sends_acked("Ann", "m1", 1)
        forged = scene.sends("Ann", "m1", text="no, this", doomed="cid_reused")
        scene.acks(forged, 1, duplicate=True)
        scene.ends_as(text_message("Ann", "m1", 1))
        assert "3" in scene.broken()

    def test_gap_in_seqs_breaks_rule_4(self, scene: Scenario) -> None:
        scene.sends("Ann", "m1")
        scene.sends_acked("Ann", "m2", 2)
        scene.sends("Ann", "m3")
        scene.acks(scene.sends("Ann", "m1"), 1)
        scene.acks(scene.sends("Ann", "m3"), 4)
        scene.ends_as(
            text_message("Ann", "m1", 1), text_message("Ann", "m2", 2), text_message("Ann", "m3", 4)
        )
        assert scene.broken() == {"4"}

    def test_decreasing_time_breaks_rule_4(self, scene: Scenario) -> None:
        scene.acks(scene.sends("Ann", "m1"), 1, time="12:05")
        scene.acks(scene.sends("Ann", "m2"), 2, time="12:04")
        scene.ends_as(text_message("Ann", "m1", 1, time="12:05"), text_message("Ann", "m2", 2, time="12:04"))
        assert scene.broken() == {"4"}

    @pytest.mark.parametrize(
        ("way", "bound", "seqs", "more"),
        [
            (Way.AFTER, 1, [2, 4], False),  # a gap
            (Way.AFTER, 1, [3, 4], False),  # a gap after the requested seq
            (Way.AFTER, 1, [], True),  # ``more`` on an empty page
            (Way.BEFORE, 3, [2, 3], True),  # a seq that is not before the bound
            (Way.BEFORE, 4, [2, 3], False),  # ``more`` is false, though seq 1 is before the page
            (Way.NEWEST, 0, [1, 2], True),  # ``more``, but no seq is below 1
        ],
    )
    def test_inconsistent_page_breaks_rule_4(
        self, scene: Scenario, way: Way, bound: int, seqs: list[int], more: bool
    ) -> None:
        for seq in range(1, 5):
            scene.sends("Ann", f"m{seq}")
        messages = [text_message("Ann", f"m{seq}", seq) for seq in seqs]
        scene.reads("Bob", *messages, way=way, bound=bound, more=more)
        assert "4" in scene.broken()

    def test_message_before_earlier_acknowledged_one_breaks_rule_7(self, scene: Scenario) -> None:
        scene.sends_acked("Ann", "m1", 2)
        scene.sends_acked("Bob", "m2", 1)
        scene.ends_as(text_message("Bob", "m2", 1), text_message("Ann", "m1", 2))
        assert scene.broken() == {"7"}

    def test_concurrent_messages_may_have_any_order(self, scene: Scenario) -> None:
        slow = scene.sends("Ann", "m1")
        scene.sends_acked("Bob", "m2", 1)
        scene.acks(slow, 2)
        scene.ends_as(text_message("Bob", "m2", 1), text_message("Ann", "m1", 2))
        assert scene.broken() == set()

    def test_reordered_messages_of_one_client_break_rule_7(self, scene: Scenario) -> None:
        first, second = scene.sends("Ann", "m1"), scene.sends("Ann", "m2")
        scene.acks(second, 1)
        scene.acks(first, 2)
        scene.ends_as(text_message("Ann", "m2", 1), text_message("Ann", "m1", 2))
        assert scene.broken() == {"7"}


class TestShown:
    def test_different_messages_at_one_seq_break_rule_5(self, scene: Scenario) -> None:
        scene.sends("Ann", "m1")
        scene.sends("Bob", "m2")
        scene.shows("Ann", text_message("Ann", "m1", 1))
        scene.shows("Bob", text_message("Bob", "m2", 1))
        assert "5" in scene.broken()

    def test_received_message_that_is_not_stored_breaks_rule_5(self, scene: Scenario) -> None:
        scene.sends("Ann", "m1")
        scene.shows("Bob", text_message("Ann", "m1", 1))
        scene.ends_as()
        assert "5" in scene.broken()

    def test_message_under_other_cid_breaks_rule_5(self, scene: Scenario) -> None:
        scene.sends("Ann", "m1")
        scene.shows("Ann", text_message("Ann", "m1", 1), cid="M1")
        assert "5" in scene.broken()

    def test_client_that_skips_a_seq_breaks_rule_6(self, scene: Scenario) -> None:
        scene.applies("Ann", 1, 2, 4)
        assert "6" in scene.broken()

    def test_events_that_skip_a_seq_break_rule_6(self, scene: Scenario) -> None:
        for seq in (1, 2, 3):
            scene.sends("Ann", f"m{seq}")
        scene.shows("Bob", text_message("Ann", "m1", 1))
        scene.shows("Bob", text_message("Ann", "m3", 3))
        assert scene.broken() == {"6", "11"}

    def test_events_that_begin_after_head_break_rule_6(self, scene: Scenario) -> None:
        scene.sends("Ann", "m2")
        scene.reports_head("Bob", 0)
        scene.shows("Bob", text_message("Ann", "m2", 2))
        assert "6" in scene.broken()

    def test_events_from_before_the_head_that_skip_seqs_break_rule_6(self, scene: Scenario) -> None:
        scene.sends("Ann", "m2")
        scene.shows("Bob", text_message("Ann", "m2", 2))
        scene.reports_head("Bob", 0)
        assert "6" in scene.broken()

    def test_new_connection_begins_at_new_head(self, scene: Scenario) -> None:
        scene.sends_acked("Ann", "m1", 1)
        scene.sends_acked("Ann", "m2", 2)
        scene.shows("Bob", text_message("Ann", "m1", 1), on=1)
        scene.reports_head("Bob", 2, on=2)
        scene.sends_acked("Ann", "m3", 3)
        scene.shows("Bob", text_message("Ann", "m3", 3), on=2)
        scene.ends_as(*(text_message("Ann", f"m{seq}", seq) for seq in (1, 2, 3)))
        assert scene.broken() == set()

    def test_read_without_acknowledged_message_breaks_rule_8(self, scene: Scenario) -> None:
        scene.sends_acked("Ann", "m1", 1)
        scene.reads("Bob")
        scene.ends_as(text_message("Ann", "m1", 1))
        assert scene.broken() == {"8"}

    def test_read_begun_before_acknowledgement_is_allowed(self, scene: Scenario) -> None:
        begun = scene.tick()
        scene.sends_acked("Ann", "m1", 1)
        scene.reads("Bob", begun=begun)
        scene.ends_as(text_message("Ann", "m1", 1))
        assert scene.broken() == set()

    def test_read_that_ends_before_earlier_event_breaks_rule_8(self, scene: Scenario) -> None:
        attempt = scene.sends("Ann", "m1")
        scene.shows("Ann", text_message("Ann", "m1", 1))
        scene.reports_head("Bob", 0)
        scene.acks(attempt, 1)
        scene.ends_as(text_message("Ann", "m1", 1))
        assert scene.broken() == {"8"}


class TestSeats:
    def test_event_to_non_member_breaks_rule_9(self, scene: Scenario) -> None:
        scene.sends("Ann", "m1")
        scene.shows("Eve", text_message("Ann", "m1", 1))
        assert "9" in scene.broken()

    def test_page_to_non_member_breaks_rule_9(self, scene: Scenario) -> None:
        scene.reads("Eve")
        assert scene.broken() == {"9"}

    def test_event_after_resigning_breaks_rule_9(self, scene: Scenario) -> None:
        scene.sends("Ann", "m1")
        scene.moves("Bob", Move.RESIGNING)
        scene.moves("Bob", Move.RESIGNED)
        scene.shows("Bob", text_message("Ann", "m1", 1))
        assert "9" in scene.broken()

    def test_event_after_resigning_with_open_entry_is_allowed(self, scene: Scenario) -> None:
        scene.moves("Bob", Move.ENTERING)
        scene.moves("Bob", Move.RESIGNING, on=2)
        scene.moves("Bob", Move.RESIGNED, on=2)
        scene.acks(scene.sends("Ann", "m1"), 1)
        scene.shows("Bob", text_message("Ann", "m1", 1), on=2)
        scene.ends_as(text_message("Ann", "m1", 1))
        assert scene.broken() == set()

    def test_message_after_resigning_elsewhere_breaks_rule_9(self, scene: Scenario) -> None:
        scene.moves("Bob", Move.RESIGNING)
        scene.moves("Bob", Move.GIVEN_UP)
        scene.sends("Ann", "m1")
        scene.shows("Bob", text_message("Ann", "m1", 1))
        assert "9" in scene.broken()

    def test_message_in_flight_when_resigning_elsewhere_is_allowed(self, scene: Scenario) -> None:
        scene.moves("Bob", Move.RESIGNING)
        attempt = scene.sends("Ann", "m1")
        scene.moves("Bob", Move.GIVEN_UP)
        scene.shows("Bob", text_message("Ann", "m1", 1))
        scene.acks(attempt, 1)
        scene.moves("Bob", Move.RESIGNED)
        scene.ends_as(text_message("Ann", "m1", 1))
        assert scene.broken() == set()

    def test_member_count_above_capacity_breaks_rule_10(self, scene: Scenario) -> None:
        scene.counts("Ann", 3, 2)
        assert scene.broken() == {"10"}

    def test_held_seats_above_capacity_break_rule_10(self, scene: Scenario) -> None:
        scene.counts("Ann", 2, 2)
        scene.moves("Eve", Move.ENTERING)
        scene.moves("Eve", Move.ENTERED)
        assert scene.broken() == {"10"}

    def test_released_seat_may_be_taken(self, scene: Scenario) -> None:
        scene.counts("Ann", 2, 2)
        scene.moves("Bob", Move.RESIGNING)
        scene.moves("Eve", Move.ENTERING)
        scene.moves("Eve", Move.ENTERED)
        assert scene.broken() == set()

    def test_repeated_enter_message_breaks_rule_d7(self, scene: Scenario) -> None:
        scene.ends_as(notice("enter", "Ann", 1), notice("enter", "Ann", 2))
        assert scene.broken() == {"D7"}

    def test_leave_message_of_account_outside_breaks_rule_d7(self, scene: Scenario) -> None:
        scene.ends_as(notice("enter", "Ann", 1), notice("leave", "Ann", 2), notice("leave", "Ann", 3))
        assert scene.broken() == {"D7"}


class TestRecovery:
    def test_message_without_answer_breaks_rule_11(self, scene: Scenario) -> None:
        scene.sends("Ann", "m1")
        scene.ends_as(text_message("Ann", "m1", 1))
        assert scene.broken() == {"11"}

    def test_late_answer_breaks_rule_11(self, scene: Scenario) -> None:
        attempt = scene.sends("Ann", "m1")
        scene.heals()
        scene.clock += 11
        scene.acks(attempt, 1)
        scene.ends_as(text_message("Ann", "m1", 1))
        assert scene.broken() == {"11"}

    def test_unavailable_does_not_count_as_answer(self, scene: Scenario) -> None:
        scene.refuses(scene.sends("Ann", "m1"), "unavailable")
        scene.ends_as(text_message("Ann", "m1", 1))
        assert scene.broken() == {"11"}

    @pytest.mark.parametrize(("code", "seconds"), [(1, 0.5), (0, 12.0), (-9, 0.1)])
    def test_server_that_does_not_stop_breaks_rule_stop(
        self, scene: Scenario, code: int, seconds: float
    ) -> None:
        scene.stops(code, seconds)
        assert scene.broken() == {"stop"}


def test_private_chat_is_visible_to_its_two_accounts() -> None:
    scene = Scenario("Ann", "Bob", conversation="Ann&Bob")
    scene.reads("Bob", conversation="Ann&Bob")
    scene.reads("Eve", conversation="Ann&Bob")
    assert scene.broken() == {"9"}
