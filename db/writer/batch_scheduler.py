"""What the writer is behind with, and what of it goes together. The counterpart is ``gather``, which says
when.

Where more waits than one batch holds, first come, first served would take a few messages of every
conversation each time. But a head is set, and each listener written to, once for each conversation in a
batch, whether that brings one message or forty. So a batch takes as many conversations as it holds, each with
all that waits for it, beginning with the one that has waited longest; one that no batch holds takes turns
with the others. What must not change by that:

* What one session says is written in the order in which it was said, also in several conversations.
* A job finds written what was said before it, and goes with no later batch than what was said behind it.

So what waits lies in sections, one after the other: the posts of a section may be written in any order of
their conversations, jobs have sections of their own.
"""

from collections import deque
from collections.abc import Hashable

from chatroom.db.writer.operations import MessagePost, Operation, WriteJob

JOB_SECTION = None
"""What a section of jobs has in the place of a conversation."""


class BatchScheduler:
    """``len`` is how many operations wait. All of it belongs to one thread."""

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
        """The next batch: at most so many operations, and a part of a conversation only if it does not fit
        as a whole."""
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
                section[key] = section.pop(key)[limit:]  # behind the others, or they would wait for ever
            if not section:
                self._sections.popleft()
        self._count -= len(batch)
        for operation in batch:
            if isinstance(operation, MessagePost):
                operation.session_order.pending -= 1
        return batch

    def _fits_section(self, section: dict[Hashable, list[Operation]], operation: Operation) -> bool:
        """Whether an operation may be written together with a section, in whatever order."""
        if isinstance(operation, WriteJob) or JOB_SECTION in section:
            return isinstance(operation, WriteJob) and JOB_SECTION in section
        stream = operation.session_order
        return not stream.pending or stream.last_conversation_id == operation.draft.conversation_id
