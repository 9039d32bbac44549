"""Decides which waiting operations form the next batch. ``write_queue`` decides when a batch is taken.

If more operations wait than fit into a batch, strict arrival order would take a few messages of every
conversation each time. But a batch updates a head and writes to each listener once per conversation, for one
message or for forty. So a batch takes whole conversations, beginning with the one that has waited longest. A
conversation larger than a batch takes turns with the others. Two orders are kept:

* The messages of one session are written in the order in which it sent them, also across conversations.
* A job runs after the operations that arrived before it and no later than those that arrived after it.

Therefore the backlog is a sequence of sections: the posts of a section may be written in any order of their
conversations; jobs have their own sections.
"""

from collections import deque
from collections.abc import Hashable

from chatroom.db.writer.operations import MessagePost, Operation, WriteJob

JOB_SECTION = None
"""The key of jobs in a section, in place of a conversation."""


class BatchScheduler:
    """The waiting operations; ``len`` is their number. Belongs to one thread."""

    def __init__(self) -> None:
        self._sections: deque[dict[Hashable, list[Operation]]] = deque()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add_operation(self, operation: Operation) -> None:
        key = JOB_SECTION if isinstance(operation, WriteJob) else operation.draft.conversation_id
        if not (self._sections and self._fits_section(self._sections[-1], operation)):
            self._sections.append({})
        self._sections[-1].setdefault(key, []).append(operation)
        self._count += 1
        if isinstance(operation, MessagePost):
            operation.session_order.pending += 1
            operation.session_order.last_conversation_id = operation.draft.conversation_id

    def next_batch(self, limit: int) -> list[Operation]:
        """Take the next batch of at most ``limit`` operations. A conversation is split only if it alone
        exceeds the limit.
        """
        batch: list[Operation] = []
        while self._sections and len(batch) < limit:
            section = self._sections[0]
            key, oldest = next(iter(section.items()))
            if len(oldest) <= limit - len(batch):
                batch += section.pop(key)
            elif batch:
                break
            else:
                batch = oldest[:limit]
                section[key] = section.pop(key)[limit:]  # after the others, so that they are not starved
            if not section:
                self._sections.popleft()
        self._count -= len(batch)
        for operation in batch:
            if isinstance(operation, MessagePost):
                operation.session_order.pending -= 1
        return batch

    def _fits_section(self, section: dict[Hashable, list[Operation]], operation: Operation) -> bool:
        """Whether an operation may be written in any order relative to those of a section."""
        if isinstance(operation, WriteJob) or JOB_SECTION in section:
            return isinstance(operation, WriteJob) and JOB_SECTION in section
        stream = operation.session_order
        return not stream.pending or stream.last_conversation_id == operation.draft.conversation_id
