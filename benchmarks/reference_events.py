"""The events and answers of the reference job, and how its state is laid out: what a worker of any engine needs.

Only msgspec and numpy are imported here, so that a peer's own environment needs no torch, no Faust and nothing of ours.
"""

from collections.abc import Iterator

import msgspec
import numpy as np

TOKENS, EMBEDDING, HIDDEN, CLASSES, TOP = 5_000, 32, 64, 64, 5
USERS = 20_000
PARTITIONS = 4
HALVES = np.dtype([("h", "<f2", (HIDDEN,)), ("c", "<f2", (HIDDEN,))])  # what a worker without our row header stores


class Event(msgspec.Struct):
    """One event of the job. Key: the user id as UTF-8."""

    user_id: str
    product_id: int


class Answer(msgspec.Struct):
    """One output: the five likeliest classes after the event at `offset` of the source partition. Key: the user id.

    An engine that does not tell its code the offset numbers the user's events itself; only their order is checked.
    """

    offset: int
    classes: list[int]
    confidences: list[float]


def users_and_tokens(events: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Shapes: (n,) int64 user numbers below 20,000 and (n,) int64 tokens; a shorter run begins a longer one."""
    drawn = np.random.default_rng(seed).integers(0, (USERS, TOKENS), (events, 2))
    return drawn[:, 0], drawn[:, 1]


def records(users: np.ndarray, tokens: np.ndarray) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each event, in order."""
    encode = msgspec.msgpack.Encoder().encode
    for user, token in zip(users.tolist(), tokens.tolist(), strict=True):
        name = f"user-{user}"
        yield name.encode(), encode(Event(name, token))


def changelog(source: str) -> str:
    """Name of the compacted topic that keeps our worker's state; the peers name their own."""
    return f"{source}-state"
