"""Which events may move a user's row on: not one that is counted already, nor one whose time is far off.

    outcome     when                                                              the row
    ----------  ----------------------------------------------------------------  ----------------------------------
    APPLIED     else                                                              moves on
    DUPLICATE   its id is among the last 8 of the row: a producer's second try    stays as it is
    LATE        it is older than the row's latest event by more than the bound    remembers the id
    EARLY       it is of later than its record by more than the bound             remembers the id

A wrong clock would otherwise leave its mark for ever: one event of next year makes all that follow it late. Ids are
kept as 32-bit hashes, so of some 500 million events one is taken for a second try of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from zlib import crc32

import numpy as np

from models.behaviour.row import RECENT

APPLIED, DUPLICATE, LATE, EARLY = range(4)
NO_EVENT = 255  # type of an event that is answered and moves nothing
_ID = Struct("<I")
_KEPT = 4 * (RECENT - 1)


def event_hash(event_id: str) -> int:
    """The 32 bits that stand for an event in a row; never 0, which means none."""
    return crc32(event_id.encode()) or 1


def admit(
    rows: np.ndarray,
    slots: Sequence[int],
    times_ms: Sequence[int],
    received_ms: Sequence[int],
    *,
    ids: Sequence[int] | None,
    bound_ms: int | None,
) -> tuple[list[int], list[int]]:
    """(n,) outcome of each event, and the time at which to answer it: its own, or what the row has seen.

    `rows` are as before the window, `slots` the row of each event. `received_ms` are the times of their records, 0 or
    less where none is known. `ids` None: nothing is taken for a second try. `bound_ms` None: any time is good.
    """
    seen: list[int] = rows["seen_ms"].tolist()
    recent: list[list[int]] | None = None if ids is None else rows["recent_id"].tolist()
    outcomes, times = [APPLIED] * len(slots), list(times_ms)
    for event, slot in enumerate(slots):
        if recent is not None and ids is not None:
            mine, one = recent[slot], ids[event]
            if one in mine:
                outcomes[event] = DUPLICATE
                continue
            mine.insert(0, one)
            del mine[RECENT:]
        if bound_ms is None:
            continue
        time_ms, latest, received = times_ms[event], seen[slot], received_ms[event]
        if time_ms < latest - bound_ms:
            outcomes[event], times[event] = LATE, latest
        elif time_ms > received + bound_ms and received > 0:
            outcomes[event], times[event] = EARLY, latest or received
        elif time_ms > latest:
            seen[slot] = time_ms
    return outcomes, times


def remember(raw: bytearray, at: int, one: int) -> None:
    """Put an id before those that a row has from byte `at` on; the oldest falls out."""
    raw[at + 4 : at + 4 + _KEPT] = raw[at : at + _KEPT]
    _ID.pack_into(raw, at, one)
