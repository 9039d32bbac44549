"""Operations for locked rows are tried again in the order of their sessions."""

from typing import Any

from chatroom.db.records import MessageDraft
from chatroom.db.writer.deferred_operations import SKIP_LOCKED_SECONDS, DeferredOperations
from chatroom.db.writer.operations import MessagePost, Operation, SessionOrder, WriteJob

LONG_AGO = -SKIP_LOCKED_SECONDS - 10.0


def make_post(order: SessionOrder, conversation_id: int = 1) -> MessagePost:
    draft = MessageDraft(conversation_id, 7, "Alice", "Alice", "text", "hello")
    return MessagePost(draft, 0, order, lambda outcome: None)


def make_job(order: SessionOrder | None) -> WriteJob[Any]:
    return WriteJob(lambda transaction: None, lambda result: None, order)


def overdue_of(*operations: Operation) -> list[Operation]:
    deferred = DeferredOperations()
    deferred.add(operations, LONG_AGO)
    return deferred.overdue(list(deferred.take()), ())


def test_session_with_a_deferred_job_waits() -> None:
    deferred, order = DeferredOperations(), SessionOrder()
    deferred.add([make_job(order), make_job(None)], 0.0)
    assert deferred.session_orders() == [order]


def test_job_after_a_deferred_post_of_its_session_does_not_overtake_it() -> None:
    order = SessionOrder()
    post, job = make_post(order), make_job(order)
    assert overdue_of(post, job) == [post]
    assert overdue_of(job, post) == [job]


def test_post_after_a_deferred_job_of_its_session_does_not_overtake_it() -> None:
    order, other = SessionOrder(), SessionOrder()
    first, job, late = make_post(other), make_job(order), make_post(order)
    assert overdue_of(first, job, late) == [first]


def test_posts_in_one_conversation_take_their_turn_together() -> None:
    posts = [make_post(SessionOrder()), make_post(SessionOrder()), make_post(SessionOrder(), 2)]
    assert overdue_of(*posts) == posts[:2]
