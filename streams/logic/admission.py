"""Which events of a window count in their users' rows, which are answered, and what each is counted as.

duplicate   its event_id is among the last eight of the row   not counted, no prediction: the first try has one
late        older than the row by more than the bound         not counted, answered as the row stands
early       later than its own record by more than the bound  not counted, answered as the row stands
folded      with emit "latest", before the user's last event  counted, answered by the prediction for that one
predicted   all others                                        counted and answered
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TypeVar

import numpy as np
from faust.types import TP

from models.predict import APPLIED, DUPLICATE, EARLY, LATE, BehaviourPredictor, event_hash
from schemas.events import UserBehaviour
from streams.config import BehaviourSettings
from streams.logic.decode import Decoded

T = TypeVar("T")
RESULTS = {APPLIED: "predicted", LATE: "late", EARLY: "early"}


@dataclass(slots=True)
class Admission:
    """The events that go through the model, column by column, and what becomes of every event."""

    items: list[Decoded[UserBehaviour]]
    events: list[UserBehaviour]
    slots: list[int]
    ids: list[int]
    times_ms: list[int]  # the event's, or the row's where the event does not count
    still: list[int]  # places of the events that are answered and not counted
    emit: list[bool] | None  # which are answered; None: all
    answered: list[bool]  # of all events that were given
    results: Counter[str]

    def newest(self) -> dict[TP, int]:
        """The latest time of an event of each partition that counts."""
        newest: dict[TP, int] = {}
        counted = [True] * len(self.items)
        for place in self.still:
            counted[place] = False
        for item, time_ms in compress(zip(self.items, self.times_ms, strict=True), counted):
            newest[item.tp] = max(time_ms, newest.get(item.tp, 0))
        return newest


def admit(
    model: BehaviourPredictor,
    rows: np.ndarray,
    items: list[Decoded[UserBehaviour]],
    slots: list[int],
    settings: BehaviourSettings,
) -> Admission:
    """Events in the order of the window, with the slot of each in `rows`, which are as before the window."""
    events = [item.event for item in items if item.event is not None]
    ids = [event_hash(event.event_id) for event in events]
    outcomes, times = model.admit(
        rows,
        slots,
        [event.occurred_at for event in events],
        [item.record.timestamp for item in items],
        ids=ids if settings.deduplicate else None,
        bound_ms=round(settings.late_after_s * 1000) or None,
    )
    results: Counter[str] = Counter()
    if settings.emit == "every" and not any(outcomes):  # as nearly always
        results["predicted"] = len(events)
        return Admission(items, events, slots, ids, times, [], None, [True] * len(events), results)

    last = {slot: place for place, slot in enumerate(slots) if outcomes[place] != DUPLICATE}
    answered = [
        outcome != DUPLICATE and (settings.emit == "every" or last[slot] == place)
        for place, (slot, outcome) in enumerate(zip(slots, outcomes, strict=True))
    ]
    for outcome, told in zip(outcomes, answered, strict=True):
        results["duplicate" if outcome == DUPLICATE else RESULTS[outcome] if told else "folded"] += 1
    chosen = [place for place, outcome in enumerate(outcomes) if outcome != DUPLICATE]
    return Admission(
        _of(items, chosen),
        _of(events, chosen),
        _of(slots, chosen),
        _of(ids, chosen),
        _of(times, chosen),
        [number for number, place in enumerate(chosen) if outcomes[place] != APPLIED],
        _of(answered, chosen),
        answered,
        results,
    )


def _of(column: Sequence[T], places: Sequence[int]) -> list[T]:
    return [column[place] for place in places]
