"""Alarms of the risk model: on accounts that were taken over on purpose, and false ones on all other events."""

from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET, UnsetType

from models.data.takeovers import KINDS
from schemas.predictions import Risk
from streams.demo.purchases import NONE
from streams.demo.reasons import in_words

REASONS = 2  # of an alarm


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm; `kind` of the takeover, empty for a false one."""

    user: str
    event_id: str
    score: float
    kind: str
    reasons: list[str]


@dataclass(slots=True)
class Events:
    """Answered events, and how many of them raised an alarm."""

    events: int = 0
    alarms: int = 0


@dataclass(slots=True)
class Takeovers(Events):
    """The same of the takeovers of a kind; the households, of which each is taken over once."""

    households: set[int] = field(default_factory=set)
    caught: set[int] = field(default_factory=set)


class Alarms:
    """Counts what the worker said of each event. `unseen`: no model behind the scores was fitted on the test split."""

    def __init__(self, *, unseen: bool) -> None:
        self.unseen = unseen
        self.ordinary = Events()
        self.taken = {kind: Takeovers() for kind in KINDS}
        self.newest: Alarm | None = None

    def add(self, household: int, takeover: int, user: str, event_id: str, risk: Risk | UnsetType) -> None:
        """Count the answer to one event; `takeover` is its kind's place in KINDS, or NONE."""
        kind = "" if takeover == NONE else KINDS[takeover]
        counted = self.taken[kind] if kind else self.ordinary
        counted.events += 1
        if isinstance(counted, Takeovers):
            counted.households.add(household)
        if risk is UNSET or not risk.alarm:
            return
        counted.alarms += 1
        if isinstance(counted, Takeovers):
            counted.caught.add(household)
        self.newest = Alarm(user, event_id, risk.score, kind, [in_words(reason) for reason in risk.reasons[:REASONS]])

    @property
    def injected(self) -> Takeovers:
        """All kinds together."""
        kinds = self.taken.values()
        return Takeovers(
            sum(kind.events for kind in kinds),
            sum(kind.alarms for kind in kinds),
            set().union(*(kind.households for kind in kinds)),
            set().union(*(kind.caught for kind in kinds)),
        )

    @property
    def false_in_1000(self) -> float | None:
        """False alarms in 1,000 ordinary events; None before the first event."""
        return 1e3 * self.ordinary.alarms / self.ordinary.events if self.ordinary.events else None

    def facts(self) -> dict[str, Any]:
        """For the JSON of a run."""
        rate, newest = self.false_in_1000, self.newest
        return {
            "unseen": self.unseen,
            "takeovers": {**_counts(self.injected), "kinds": {kind: _counts(one) for kind, one in self.taken.items()}},
            "ordinary": {
                "events": self.ordinary.events,
                "false_alarms": self.ordinary.alarms,
                "false_alarms_in_1000": None if rate is None else round(rate, 4),
            },
            "newest_alarm": None if newest is None else {
                "user_id": newest.user,
                "event_id": newest.event_id,
                "score": newest.score,
                "takeover": newest.kind or None,
                "reasons": newest.reasons,
            },
        }  # fmt: skip


def _counts(taken: Takeovers) -> dict[str, int]:
    return {
        "begun": len(taken.households),
        "with_alarm": len(taken.caught),
        "events": taken.events,
        "events_with_alarm": taken.alarms,
    }
