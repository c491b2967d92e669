"""Users who shop: their events in the order sent, and what a model that sees them one at a time predicts."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from aiokafka import ConsumerRecord
from faust.types import TP

from schemas.events import EVENT_TYPES
from schemas.predictions import UserPrediction
from schemas.topics import USER_BEHAVIOUR, USER_PREDICTIONS
from streams.config import BehaviourSettings
from streams.logic.behaviour import BehaviourLogic
from tests.integration.worker_process import Place, Record
from tests.unit.streams.alike import assert_same_prediction
from tests.unit.streams.making import NOW_MS, Rows, behaviour, window_of
from tests.unit.streams.making_models import CATEGORIES, stored_small_behaviour


class Shoppers:
    """Draws events from a seed. Each user keeps to one partition, as Kafka's partitioners have it."""

    def __init__(self, place: Place, users: int = 20, seed: int = 1) -> None:
        self._place = place
        self._users = users
        self._random = random.Random(seed)
        self._topic = place.topic(USER_BEHAVIOUR.name)
        self.sent: list[ConsumerRecord] = []
        self._next = Counter[int]()

    @property
    def count(self) -> int:
        """Events so far."""
        return len(self.sent)

    def send(self, count: int, **fields: Any) -> None:
        """Write so many more events; `fields` hold for all of them."""
        new = [self._draw(fields) for _ in range(count)]
        self.sent += new
        self._place.send(USER_BEHAVIOUR.name, [Record(one.partition, one.key, one.value) for one in new])

    def expected(
        self, features: dict[bytes, bytes] | None = None, attributes: Iterable[tuple[str, str]] = ()
    ) -> dict[str, UserPrediction]:
        """Predictions by id, from the model applied to one event after the other."""
        known = features or {}
        model = stored_small_behaviour()
        logic = BehaviourLogic(
            model,
            lambda keys: [known.get(key) for key in keys],
            attributes,
            lambda: NOW_MS,
            settings=BehaviourSettings.model_validate({"late_after_s": 0}),  # `sent` has not the records' own times
        )
        rows = Rows()
        found: dict[str, UserPrediction] = {}
        for one in self.sent:
            answer = logic.answer(window_of([one]), rows.read)
            ((tp, part),) = answer.partitions.items()
            rows.write(tp.partition, part.rows)
            (value,) = part.outputs[USER_PREDICTIONS.name].values
            prediction = self._place.decode(value or b"")
            found[prediction.prediction_id] = prediction
        return found

    def _draw(self, fields: dict[str, Any]) -> ConsumerRecord:
        number = self._random.randrange(self._users)
        partition = number % self._place.partitions
        offset = self._next[partition]
        self._next[partition] += 1
        drawn = {
            "type": self._random.choices(EVENT_TYPES, (1, 1, 1, 6, 1, 1))[0],
            "category": self._random.choice(CATEGORIES),
            "session_id": f"basket-{len(self.sent) // 100}",
            "occurred_at": NOW_MS + offset * 3_600_000,
        }
        return behaviour(TP(self._topic, partition), offset, f"user-{number}", **{**drawn, **fields})


def assert_all_answered(
    found: Sequence[UserPrediction], expected: dict[str, UserPrediction], *, once: bool = False
) -> None:
    """Every event has its prediction, each equal to the one expected, repeated ones too; `once`: none is."""
    assert {prediction.prediction_id for prediction in found} == set(expected)
    for prediction in found:
        assert_same_prediction(prediction, expected[prediction.prediction_id])
    if once:
        assert len(found) == len(expected)


def assert_first_answers_in_order(found: Sequence[UserPrediction]) -> None:
    """The first prediction of each event comes after those of all earlier events of its partition."""
    first: dict[int, dict[int, None]] = {}
    for prediction in found:
        first.setdefault(prediction.source.partition, {})[prediction.source.offset] = None
    for offsets in first.values():
        assert all(earlier < later for earlier, later in pairwise(offsets))
