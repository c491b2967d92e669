"""From gates, habits and basket to the events that they came from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.behaviour import BehaviourPredictor
from models.behaviour.habits import AGE, FADE, HALF_DAYS, HOUR_MS, PURCHASED, WEIGHT
from models.behaviour.tokens import DAY_MS, PURCHASE
from models.behaviour.walk import Window
from models.columns import EventColumns
from models.explain.score import Score
from models.explain.user import EventWeight, HabitWeight, Parts
from schemas.events import EVENT_TYPES


class Sharing:
    """The n events looked at, which begin at `first` of those given, and the window that they were applied in."""

    def __init__(self, predictor: BehaviourPredictor, looked: EventColumns, window: Window, first: int) -> None:
        self._predictor, self._looked, self._tokens, self._first = predictor, looked, window.tokens, first
        self._row = window.kept[-1]
        self._now_ms = int(looked.times_ms[-1])

    def events(
        self, gates: NDArray[np.float64], score: Score, of_habits: NDArray[np.float64], of_basket: NDArray[np.float64]
    ) -> tuple[tuple[EventWeight, ...], Parts]:
        """Weights of (1 + tokens,) gates, of habits and basket -> those of the events, and of what was before."""
        categories = self._looked.categories
        n = len(categories)
        memory, habit, basket = np.zeros((3, n + 1))  # the last place is for what was before
        memory[-1] = gates[0]
        memory[self._tokens.events] = gates[1:]
        counted = self._counted()
        for category, weight in zip(score.habits.tolist(), of_habits.tolist(), strict=True):
            share = np.where(categories == category, counted, 0.0)
            share /= max(self._amount(category), share.sum())
            habit[:-1] += weight * share
            habit[-1] += weight * (1 - share.sum())
        last = dict(zip(self._tokens.categories, self._tokens.events, strict=True))  # the event that put it there
        for category, weight in zip(score.basket.tolist(), of_basket.tolist(), strict=True):
            basket[last.get(category, -1)] += weight
        parts = [Parts(*three) for three in zip(memory.tolist(), habit.tolist(), basket.tolist(), strict=True)]
        return tuple(self._event(place, parts[place]) for place in range(n)), parts[-1]

    def habits(self, score: Score, weights: NDArray[np.float64]) -> tuple[HabitWeight, ...]:
        """The habits with their weights, the weightiest first."""
        found = [
            HabitWeight(
                self._predictor.categories[category], weight, self._amount(category), self._hours(category) / 24
            )
            for category, weight in zip(score.habits.tolist(), weights.tolist(), strict=True)
        ]
        return tuple(sorted(found, key=lambda habit: -abs(habit.weight)))

    def _event(self, place: int, parts: Parts) -> EventWeight:
        looked, names = self._looked, self._predictor.categories
        category, product = int(looked.categories[place]), int(looked.products[place])
        return EventWeight(
            place=self._first + place,
            time_ms=int(looked.times_ms[place]),
            type=EVENT_TYPES[looked.types[place]],
            category=names[category] if category >= 0 else None,
            weight=parts.sum,
            parts=parts,
            product_id=self._predictor.products[product] if product >= 0 else None,
        )

    def _counted(self) -> NDArray[np.float64]:
        """(n,) what each event still adds to the habit of its category."""
        looked = self._looked
        gain = np.maximum(WEIGHT, 0)[looked.types].astype(np.float64)
        gain[looked.types == PURCHASE] = 0  # other lines of a category that lies in the basket already
        gain[self._tokens.events] = PURCHASED
        days = np.maximum(self._now_ms - looked.times_ms, 0) / DAY_MS
        counted: NDArray[np.float64] = gain * 0.5 ** (days / HALF_DAYS)
        return counted

    def _hours(self, category: int) -> float:
        place = int(np.flatnonzero(self._row["habit_id"] == category)[0])
        return float(AGE[(self._now_ms // HOUR_MS - int(self._row["habit_hour"][place])) & 0xFFFF])

    def _amount(self, category: int) -> float:
        place = int(np.flatnonzero(self._row["habit_id"] == category)[0])
        return float(self._row["habit_weight"][place]) * float(FADE[int(self._hours(category))])
