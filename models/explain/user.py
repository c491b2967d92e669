"""What the explanation of a user's prediction says.

The score of an answer is its log odds, ln(p / (1 - p)): +0.69 doubles the odds. It starts from what the model says of a
user of whom nothing is known, and three parts are added, each with its Shapley value:

    log odds = base + memory + habit + basket

    memory   the state of the LSTM: the order and the times of what was bought
    habit    what the row counts: how much of which category, how long ago, and the rhythm of visits
    basket   what lies in the running basket: what goes with it, and that it is not offered again

Each part is then shared out to the events: memory by integrated gradients, habit by category and within it by what each
event still counts, the basket by what was put in. `earlier` is for all events before those that were looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp


@dataclass(frozen=True, slots=True)
class Parts:
    """Log odds from each of the three."""

    memory: float = 0.0
    habit: float = 0.0
    basket: float = 0.0

    @property
    def sum(self) -> float:
        """All three."""
        return self.memory + self.habit + self.basket

    def shares(self) -> dict[str, float]:
        """How much of what was added or taken away each stands for; they sum to 1, or are 0 where nothing was."""
        size = {"memory": abs(self.memory), "habit": abs(self.habit), "basket": abs(self.basket)}
        total = sum(size.values()) or 1.0
        return {name: each / total for name, each in size.items()}


@dataclass(frozen=True, slots=True)
class EventWeight:
    """An event of the user and what it did for the answer."""

    place: int  # among the events given
    time_ms: int
    type: str
    category: str | None  # as the model read it; None: not known to it
    weight: float  # log odds; the sum of the parts
    parts: Parts
    event_id: str = ""
    product_id: str | None = None


@dataclass(frozen=True, slots=True)
class HabitWeight:
    """A category that the user buys and what that did for the answer."""

    category: str
    weight: float  # log odds, part of `habit`
    amount: float  # purchases, halved every 180 days, as of the answer
    days: float  # since the last one


@dataclass(frozen=True, slots=True)
class UserExplanation:
    """Why a user got a category predicted, right after the last of the events given."""

    user_id: str
    model: str  # name and version
    as_of_ms: int
    events_given: int
    category: str
    confidence: float
    unknown: float  # confidence of the same answer for a user of whom nothing is known
    base: float  # its log odds
    parts: Parts
    events: tuple[EventWeight, ...]  # the last ones, in their order
    earlier: Parts
    habits: tuple[HabitWeight, ...]  # the weightiest first
    rest: float  # parts less all that was shared out: the error of the integral
    alternatives: tuple[tuple[str, float], ...]  # the likeliest categories and their confidences

    def leading(self, count: int = 5) -> tuple[EventWeight, ...]:
        """The events with the largest weights above 0, largest first."""
        spoke = [event for event in self.events if event.weight > 0]
        return tuple(sorted(spoke, key=lambda event: -event.weight)[:count])

    def against(self, count: int = 2) -> tuple[EventWeight, ...]:
        """The events with the largest weights below 0, largest first."""
        spoke = [event for event in self.events if event.weight < 0]
        return tuple(sorted(spoke, key=lambda event: event.weight)[:count])


def confidence_of(log_odds: float) -> float:
    """The probability with these log odds."""
    return 1 / (1 + exp(-log_odds))
