"""Which waiting operations form a batch, and which order is kept."""

from collections.abc import Iterable
from itertools import chain, groupby

from hypothesis import given
from hypothesis import strategies as st

from chatroom.db.records import MessageDraft
from chatroom.db.writer.batch_scheduler import BatchScheduler
from chatroom.db.writer.operations import MessagePost, Operation, SessionOrder, WriteJob


def post(conversation: int, session_order: SessionOrder | None = None) -> MessagePost:
    draft = MessageDraft(conversation, 1, "Alice", "Alice", "text", "hello")
    return MessagePost(draft, 0, session_order or SessionOrder(), lambda outcome: None)


def job() -> WriteJob[None]:
    return WriteJob(lambda transaction: None, lambda result: None)


def scheduler_with(*operations: Operation) -> BatchScheduler:
    backlog = BatchScheduler()
    for operation in operations:
        backlog.add_operation(operation)
    return backlog


def drain(backlog: BatchScheduler, limit: int) -> list[list[Operation]]:
    batches = []
    while backlog:
        batches.append(backlog.next_batch(limit))
    return batches


def conversations(batch: Iterable[Operation]) -> list[int]:
    return [post.draft.conversation_id for post in batch if isinstance(post, MessagePost)]


def test_batch_holds_whole_conversations() -> None:
    backlog = scheduler_with(*(post(conversation) for _ in range(3) for conversation in (1, 2, 3)))
    assert [conversations(batch) for batch in drain(backlog, 6)] == [[1, 1, 1, 2, 2, 2], [3, 3, 3]]


def test_conversation_is_not_split_to_fill_batch() -> None:
    backlog = scheduler_with(*(post(conversation) for conversation in (1, 1, 2, 2, 2)))
    assert [conversations(batch) for batch in drain(backlog, 4)] == [[1, 1], [2, 2, 2]]


def test_oversized_conversation_is_split_and_takes_turns() -> None:
    backlog = scheduler_with(*(post(conversation) for conversation in (1, 1, 1, 1, 1, 2)))
    assert [conversations(batch) for batch in drain(backlog, 2)] == [[1, 1], [2], [1, 1], [1]]


def test_endless_conversation_does_not_starve_others() -> None:
    backlog = scheduler_with(*(post(conversation) for conversation in (1, 1, 1, 2)))
    batches = []
    for _ in range(4):
        batches.append(conversations(backlog.next_batch(2)))
        backlog.add_operation(post(1))
        backlog.add_operation(post(1))
    assert batches == [[1, 1], [2], [1, 1], [1, 1]]


def test_longest_waiting_conversation_is_first() -> None:
    backlog = scheduler_with(post(1), post(2), post(2), post(3))
    assert conversations(backlog.next_batch(2)) == [1]
    for _ in range(5):
        backlog.add_operation(post(1))
    assert conversations(backlog.next_batch(2)) == [2, 2]
    assert conversations(backlog.next_batch(2)) == [3]


def test_posts_do_not_pass_jobs() -> None:
    first, second = job(), job()
    before, behind = [post(1), post(2)], [post(1), post(2)]
    assert drain(scheduler_with(*before, first, second, *behind), 2) == [before, [first, second], behind]


def test_posts_of_session_in_two_conversations_keep_order() -> None:
    mine = SessionOrder()
    backlog = scheduler_with(post(1), post(2, mine), post(1, mine), post(2))
    assert [conversations(batch) for batch in drain(backlog, 1)] == [[1], [2], [1], [2]]


def test_session_without_pending_posts_may_join_any_section() -> None:
    mine = SessionOrder()
    backlog = scheduler_with(post(1, mine), post(2))
    backlog.next_batch(1)
    for conversation in (3, 2, 2):
        backlog.add_operation(post(conversation, mine if conversation == 3 else None))
    assert conversations(backlog.next_batch(3)) == [2, 2, 2]


STEP = st.tuples(st.integers(0, 11), st.integers(1, 3), st.integers(0, 2))
"""Mostly a post: its conversation and its session. Sometimes a job (0), or a batch that is taken (1)."""


@given(st.lists(STEP, min_size=10, max_size=60), st.integers(1, 5))
def test_random_operations_are_taken_once_in_allowed_order(
    steps: list[tuple[int, int, int]], limit: int
) -> None:
    sessions = [SessionOrder() for _ in range(3)]
    backlog = BatchScheduler()
    added: list[Operation] = []
    taken: list[Operation] = []
    longest: Operation | None = None
    waited = 0  # the number of batches that the oldest operation has waited for
    for kind, conversation, session_number in steps:
        if kind == 1:
            oldest = next((operation for operation in added if operation not in taken), None)
            waited = waited + 1 if oldest is longest else 1
            longest = oldest
            batch = backlog.next_batch(limit)
            assert len(batch) <= limit
            assert oldest is None or oldest in batch or waited < 3  # two other conversations may be before it
            taken += batch
        else:
            added.append(post(conversation, sessions[session_number]) if kind else job())
            backlog.add_operation(added[-1])
    taken += chain.from_iterable(drain(backlog, limit))
    assert len(taken) == len(added)
    assert set(map(id, taken)) == set(map(id, added))
    for session in sessions:
        assert _of(session, taken) == _of(session, added)
        assert not session.pending
    for conversation in range(1, 4):
        posts = [operation for operation in added if conversations([operation]) == [conversation]]
        assert [operation for operation in taken if operation in posts] == posts
    assert _parts(taken) == _parts(added)


def _of(session: SessionOrder, operations: list[Operation]) -> list[Operation]:
    return [
        operation
        for operation in operations
        if isinstance(operation, MessagePost) and operation.session_order is session
    ]


def _parts(operations: list[Operation]) -> list[set[int]]:
    """The groups of operations between jobs, and the groups of jobs."""
    return [
        set(map(id, part))
        for _, part in groupby(operations, key=lambda operation: isinstance(operation, WriteJob))
    ]
