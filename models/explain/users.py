"""Why a user gets a category predicted: the last events by what they did through memory, habit and running basket."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from models.behaviour import BehaviourPredictor
from models.behaviour import window as windows
from models.behaviour.network import Memory
from models.behaviour.walk import Window
from models.columns import EventColumns
from models.errors import BatchError
from models.explain.gated import GatedMemory
from models.explain.gradients import integrated_gradients
from models.explain.score import Score
from models.explain.shapley import exact, sampled
from models.explain.sharing import Sharing
from models.explain.user import Parts, UserExplanation, confidence_of

STEPS = 32  # points of the integral: its error is .007 in log odds, .06 at most
LAST = 50  # events looked at one by one: some six baskets; the state tells little of what is further back
PAIRS = 4  # orders, and as many reversed ones, in which habits join
ALTERNATIVES = 5


class UserExplainer:
    """Explains one predictor's answers, a user at a time, on the processor; needs captum (the extra `train`)."""

    def __init__(
        self, predictor: BehaviourPredictor, *, last: int = LAST, steps: int = STEPS, pairs: int = PAIRS
    ) -> None:
        self._predictor = predictor
        self._last, self._steps, self._pairs = last, steps, pairs

    def explain(self, events: EventColumns, category: str | None = None, *, user_id: str = "") -> UserExplanation:
        """All events of one user, in order -> why `category` (None: the likeliest one) is predicted after the last.

        Errors: BatchError without events, and when the category is not known or lies in the running basket.
        """
        given = len(events.types)
        if not given:
            raise BatchError("there are no events to explain an answer by; give at least one")
        first = max(0, given - self._last)
        before = row_after(self._predictor, events.take(slice(first)))
        looked = events.take(slice(first, given))
        window = self._applied(before.copy(), looked)
        gated = GatedMemory(self._predictor.network, window.tokens, before["h"][0], before["c"][0])
        with torch.no_grad():
            h = gated(torch.ones(1, gated.gates))
        blank = self._remembered(self._applied(self._predictor.blank(1), _unread(looked)))
        score = Score(self._predictor.network, h, self._remembered(window), blank)
        chances = score.chances()
        best = np.argsort(-chances, kind="stable")[:ALTERNATIVES].tolist()
        target = best[0] if category is None else self._number(category, score)

        masks = partial(score.of_parts, target)
        parts = Parts(*exact(masks, 3).tolist())
        base = float(masks(np.zeros((1, 3), bool))[0])
        of_habits = sampled(partial(score.of_habits, target), len(score.habits), self._pairs)
        of_basket = sampled(partial(score.of_basket, target), len(score.basket), self._pairs)
        sharing = Sharing(self._predictor, looked, window, first)
        gates = self._integrated(gated, score, target)
        events_, earlier = sharing.events(gates, score, of_habits, of_basket)
        names = self._predictor.categories
        return UserExplanation(
            user_id=user_id,
            model=f"{self._predictor.info.name} {self._predictor.info.version}",
            as_of_ms=int(events.times_ms[-1]),
            events_given=given,
            category=names[target],
            confidence=float(chances[target]),
            unknown=confidence_of(base),
            base=base,
            parts=parts,
            events=events_,
            earlier=earlier,
            habits=sharing.habits(score, of_habits),
            rest=parts.sum - sum(event.weight for event in events_) - earlier.sum,
            alternatives=tuple((names[each], float(chances[each])) for each in best),
        )

    def _applied(self, row: np.ndarray, events: EventColumns) -> Window:
        return windows.apply(row, np.zeros(len(events.types), np.int64), events, self._predictor.names, lists=False)

    @staticmethod
    def _remembered(window: Window) -> Memory:
        """(1,) what the network reads of the row after the window's last event."""
        return windows.remembered(window, slice(len(window.kept) - 1, None))

    def _number(self, category: str, score: Score) -> int:
        if category not in self._predictor.categories:
            raise BatchError(f"the model knows no category {category!r}; its manifest lists them (labels.categories)")
        number = self._predictor.categories.index(category)
        if number in score.basket:
            raise BatchError(f"{category} lies in the running basket and is not offered; ask for another category")
        return number

    def _integrated(self, gated: GatedMemory, score: Score, target: int) -> NDArray[np.float64]:
        """(gates,) what the state before the first event, and each token, added to the memory's part."""
        ones = torch.ones(1, gated.gates)
        found = integrated_gradients()(lambda gates: score.of_state(target, gated(gates))).attribute(
            ones, torch.zeros_like(ones), n_steps=self._steps, method="gausslegendre"
        )
        weights: NDArray[np.float64] = found[0].detach().numpy().astype(np.float64)
        return weights


def row_after(predictor: BehaviourPredictor, events: EventColumns) -> np.ndarray:
    """(1,) the row of a user after these events, which are all of the user's so far."""
    n = len(events.types)
    row = predictor.blank(1)
    return predictor.run(row, np.zeros(n, np.int64), events, emit=np.zeros(n, bool)).rows if n else row


def _unread(events: EventColumns) -> EventColumns:
    """The last event as one of a category that is not known: at its time, a user of whom nothing is known."""
    last = events.take(slice(len(events.types) - 1, None))
    unknown = np.full(1, -1, np.int32)
    return replace(last, categories=unknown, products=unknown, attributes=np.zeros_like(last.attributes))
