"""A run: what one fetch brought of one partition. It travels through Faust as the value of one message."""

from collections.abc import Sequence
from dataclasses import dataclass

from faust.types import TP, Message

from streams.record import Record


@dataclass(frozen=True, slots=True)
class RecordRun:
    """Records of one partition as one fetch brought them, in offset order, never empty."""

    tp: TP
    records: Sequence[Record]


def run_of(message: Message) -> RecordRun:
    """The run that a message of this transport carries."""
    run: RecordRun = message.value  # type: ignore[assignment]  # see RunConsumer
    return run
