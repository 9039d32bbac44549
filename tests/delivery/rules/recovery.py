"""What it took until everything was well again: rule 11, and the end of a server that is asked to end."""

from collections.abc import Iterator

from tests.delivery.history import Healed, Stopped
from tests.delivery.ledger import Ledger

PATIENCE = 10.0
"""Seconds after healing within which every fate is known (D6), and for a server to end when asked to."""


def nothing_stays_unknown(ledger: Ledger) -> Iterator[str]:
    """11. Ten seconds after healing, the fate of everything sent is known to its sender."""
    healed = next((record.at for record in ledger.history.of(Healed)), None)
    for name, story in ledger.stories.items():
        answers = [*story.acks, *(refusal for refusal in story.refusals if refusal.is_definite)]
        if not story.is_proper:
            continue
        if not answers:
            yield f"{name} was sent {len(story.attempts)} times and never answered for good"
        elif healed is not None and answers[0].at > healed + PATIENCE:
            yield f"{name} was answered only {answers[0].at - healed:.1f} s after everything worked again"


def servers_end_well(ledger: Ledger) -> Iterator[str]:
    """A server that is asked to end does so within 10 s, with code 0."""
    for stopped in ledger.history.of(Stopped):
        if stopped.code != 0 or stopped.seconds > PATIENCE:
            yield f"a server ended with code {stopped.code}, {stopped.seconds:.1f} s after it was asked to"
