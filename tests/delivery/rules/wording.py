"""The texts of violations."""

from collections.abc import Iterable

from tests.delivery.history import HeadReport, Message, Page, Record


def label(record: Record) -> str:
    return f"{record.client} ({type(record).__name__.lower()} at {record.at:.3f})"


def asked(reading: Page | HeadReport) -> str:
    if isinstance(reading, HeadReport):
        return f"at {reading.begun:.3f} {reading.client} asked for the head of {reading.conversation}"
    part = f"{reading.way} {reading.bound}" if reading.bound else str(reading.way)
    return f"at {reading.begun:.3f} {reading.client} asked {reading.conversation} for its page {part}"


def listed(messages: Iterable[Message]) -> str:
    return "; ".join(str(message) for message in messages)


def runs(seqs: list[int]) -> str:
    """``[1, 2, 3, 5, 6]`` -> ``1-3, 5-6``."""
    ranges: list[list[int]] = []
    for seq in seqs:
        if ranges and seq == ranges[-1][1] + 1:
            ranges[-1][1] = seq
        else:
            ranges.append([seq, seq])
    return (
        ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges) or "nothing"
    )
