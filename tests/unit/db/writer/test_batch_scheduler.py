"""What of a backlog goes into one batch, and what stays in its order whatever goes first."""

from collections.abc import Iterable
from itertools import chain, groupby

from chatroom.db.records import MessageDraft
from chatroom.db.writer.batch_scheduler import BatchScheduler
from chatroom.db.writer.operations import MessagePost, Operation, SessionOrder, WriteJob
from hypothesis import given
from hypothesis import strategies as st


def post(conversation: int, stream: SessionOrder | None = None) -> MessagePost:
    draft = MessageDraft(conversation, 1, "Alice", "Alice", "text", "hello")
    return MessagePost(draft, 0, stream or SessionOrder(), lambda outcome: None)


def job() -> WriteJob[None]:
    return WriteJob(lambda transaction: None, lambda result: None)


def put(*operations: Operation) -> BatchScheduler:
    backlog = BatchScheduler()
    for operation in operations:
        backlog.add_operation(operation)
    return backlog


def taken(backlog: BatchScheduler, most: int) -> list[list[Operation]]:
    batches = []
    while backlog:
        batches.append(backlog.next_batch(most))
    return batches


def conversations(batch: Iterable[Operation]) -> list[int]:
    return [one.draft.conversation_id for one in batch if isinstance(one, MessagePost)]


def test_a_batch_holds_whole_conversations() -> None:
    backlog = put(*(post(conversation) for _ in range(3) for conversation in (1, 2, 3)))
    assert [conversations(batch) for batch in taken(backlog, 6)] == [[1, 1, 1, 2, 2, 2], [3, 3, 3]]


def test_none_is_parted_to_fill_a_batch() -> None:
    backlog = put(*(post(conversation) for conversation in (1, 1, 2, 2, 2)))
    assert [conversations(batch) for batch in taken(backlog, 4)] == [[1, 1], [2, 2, 2]]


def test_one_that_no_batch_holds_is_parted_and_takes_turns() -> None:
    backlog = put(*(post(conversation) for conversation in (1, 1, 1, 1, 1, 2)))
    assert [conversations(batch) for batch in taken(backlog, 2)] == [[1, 1], [2], [1, 1], [1]]


def test_one_that_never_ends_keeps_nobody_waiting() -> None:
    backlog = put(*(post(conversation) for conversation in (1, 1, 1, 2)))
    batches = []
    for _ in range(4):
        batches.append(conversations(backlog.next_batch(2)))
        backlog.add_operation(post(1))
        backlog.add_operation(post(1))
    assert batches == [[1, 1], [2], [1, 1], [1, 1]]


def test_the_one_that_has_waited_longest_goes_first_however_much_comes() -> None:
    backlog = put(post(1), post(2), post(2), post(3))
    assert conversations(backlog.next_batch(2)) == [1]
    for _ in range(5):
        backlog.add_operation(post(1))
    assert conversations(backlog.next_batch(2)) == [2, 2]
    assert conversations(backlog.next_batch(2)) == [3]


def test_nothing_goes_past_a_job_in_either_direction() -> None:
    first, second = job(), job()
    before, behind = [post(1), post(2)], [post(1), post(2)]
    assert taken(put(*before, first, second, *behind), 2) == [before, [first, second], behind]


def test_what_one_says_in_two_conversations_keeps_its_order() -> None:
    mine = SessionOrder()
    backlog = put(post(1), post(2, mine), post(1, mine), post(2))
    assert [conversations(batch) for batch in taken(backlog, 1)] == [[1], [2], [1], [2]]


def test_who_has_nothing_waiting_any_more_may_go_anywhere() -> None:
    mine = SessionOrder()
    backlog = put(post(1, mine), post(2))
    backlog.next_batch(1)
    for conversation in (3, 2, 2):
        backlog.add_operation(post(conversation, mine if conversation == 3 else None))
    assert conversations(backlog.next_batch(3)) == [2, 2, 2]


STEP = st.tuples(st.integers(0, 11), st.integers(1, 3), st.integers(0, 2))
"""Mostly a post: in which conversation, and by whom. Now and then a job (0), or a batch that is taken (1)."""


@given(st.lists(STEP, min_size=10, max_size=60), st.integers(1, 5))
def test_whatever_comes_all_of_it_is_taken_once_and_in_an_order_that_is_allowed(
    steps: list[tuple[int, int, int]], most: int
) -> None:
    sessions = [SessionOrder() for _ in range(3)]
    backlog = BatchScheduler()
    came: list[Operation] = []
    went: list[Operation] = []
    longest: Operation | None = None
    waited = 0  # for how many batches the one that has waited longest has done so
    for kind, conversation, who in steps:
        if kind == 1:
            oldest = next((one for one in came if one not in went), None)
            waited = waited + 1 if oldest is longest else 1
            longest = oldest
            batch = backlog.next_batch(most)
            assert len(batch) <= most
            assert oldest is None or oldest in batch or waited < 3  # two other conversations may be before it
            went += batch
        else:
            came.append(post(conversation, sessions[who]) if kind else job())
            backlog.add_operation(came[-1])
    went += chain.from_iterable(taken(backlog, most))
    assert len(went) == len(came)
    assert set(map(id, went)) == set(map(id, came))
    for session in sessions:
        assert _of(session, went) == _of(session, came)
        assert not session.pending
    for conversation in range(1, 4):
        here = [one for one in came if conversations([one]) == [conversation]]
        assert [one for one in went if one in here] == here
    assert _parts(went) == _parts(came)


def _of(session: SessionOrder, operations: list[Operation]) -> list[Operation]:
    return [one for one in operations if isinstance(one, MessagePost) and one.session_order is session]


def _parts(operations: list[Operation]) -> list[set[int]]:
    """What stands between jobs, and the jobs themselves."""
    return [set(map(id, part)) for _, part in groupby(operations, key=lambda one: isinstance(one, WriteJob))]
