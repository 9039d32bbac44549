"""Recovery after the faults: rule 11, and the exit of a server that is asked to stop."""

from collections.abc import Iterator

from tests.delivery.history import Healed, Stopped
from tests.delivery.history_index import HistoryIndex

PATIENCE = 10.0
"""Seconds after healing within which every outcome is known (D6), and in which a server exits when
asked to.
"""


def every_outcome_is_known(index: HistoryIndex) -> Iterator[str]:
    """11. Ten seconds after healing, the sender knows the outcome of every message."""
    healed = next((record.at for record in index.history.of(Healed)), None)
    for name, story in index.fates.items():
        answers = [*story.acks, *(refusal for refusal in story.refusals if refusal.is_definite)]
        if not story.is_proper:
            continue
        if not answers:
            yield f"{name} was sent {len(story.attempts)} times and never got a definite answer"
        elif healed is not None and answers[0].at > healed + PATIENCE:
            yield f"{name} was answered {answers[0].at - healed:.1f} s after everything worked again"


def servers_stop_cleanly(index: HistoryIndex) -> Iterator[str]:
    """A server that is asked to stop exits within 10 s, with code 0."""
    for stopped in index.history.of(Stopped):
        if stopped.code != 0 or stopped.seconds > PATIENCE:
            yield f"a server exited with code {stopped.code}, {stopped.seconds:.1f} s after it was asked to"
