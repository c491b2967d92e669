"""The plain model: each user's events one after the other, nothing of the stream's own code.

What the ledger is checked with. It goes through the model's door only, keeps one row a user, and knows nothing of
windows, partitions, tables or redelivery.
"""

from collections.abc import Mapping
from functools import cache
from hashlib import blake2b

import numpy as np
from msgspec import UNSET

from models.predict import BehaviourPredictor, EventLists, event_hash
from schemas.events import EVENT_TYPES, UserBehaviour
from schemas.predictions import Days, ModelRef, NextCategory, NextProduct, Risk, Source, UserPrediction, prediction_id

Models = Mapping[str, BehaviourPredictor]  # by version


class Replay:
    """Applies events and says what must have been predicted."""

    def __init__(self, models: Models) -> None:
        self.rows: dict[str, np.ndarray] = {}  # (1,) each
        self._models = models
        self._last: dict[str, str] = {}  # the version of the model that wrote a user's row
        self._ids = {
            version: (
                {name: i for i, name in enumerate(model.categories)},
                {n: i for i, n in enumerate(model.products)},
            )
            for version, model in models.items()
        }

    @property
    def versions(self) -> list[str]:
        """Of the models, in the order given."""
        return list(self._models)

    def step(self, event: UserBehaviour, topic: str, partition: int, offset: int, version: str) -> UserPrediction:
        """Apply the event, which lies at that place, with that version of the model."""
        model, user = self._models[version], event.user_id
        row = self.rows.get(user)
        if row is None:
            row = model.blank(1)
        elif self._last[user] != version:
            row = model.rewarm(row)
        categories, products = self._ids[version]
        columns = EventLists(
            types=[EVENT_TYPES.index(event.type)],
            categories=[categories.get(event.category or "", -1)],
            products=[products.get(event.product_id or "", -1)],
            attributes=None,
            sessions=[_session(event.session_id or "")],
            times_ms=[event.occurred_at],
            ids=[event_hash(event.event_id)],
            prices=[event.price or 0.0],
            quantities=[event.quantity or 0.0],
        )
        batch = model.step(row, [0], columns)
        batch.rows["offset"] = offset
        self.rows[user], self._last[user] = batch.rows.copy(), version
        return UserPrediction(
            prediction_id=prediction_id(topic, partition, offset),
            user_id=user,
            event_id=event.event_id,
            as_of=event.occurred_at,
            source=Source(topic, partition, offset),
            model=ModelRef(model.info.name, model.info.version),
            next_categories=[
                NextCategory(model.categories[i], share)
                for i, share in zip(batch.category_ids[0].tolist(), batch.category_confidence[0].tolist(), strict=True)
                if i >= 0
            ],
            next_products=[
                NextProduct(model.products[i], share)
                for i, share in zip(batch.product_ids[0].tolist(), batch.product_confidence[0].tolist(), strict=True)
                if i >= 0
            ],
            preferred_attributes=[],
            purchase_probability=float(batch.purchase_probability[0]),
            risk=UNSET
            if batch.risks is None
            else Risk(float(batch.risks.scores[0]), [], alarm=bool(batch.risks.scores[0] >= batch.risks.alarm)),
            next_visit_days=Days(*batch.next_visit[0]) if batch.next_visit and batch.next_visit[0] else UNSET,
        )

    def difference(self, user: str, stored: bytes) -> str:
        """How a stored row differs from what the user's must be now: empty if it does not."""
        row = self.rows[user]
        if len(stored) != row.dtype.itemsize:
            return f"{len(stored)} bytes, {row.dtype.itemsize} expected"
        found = np.frombuffer(stored, row.dtype)
        wrong = [name for name in row.dtype.names or () if not _same(name, found[name], row[name])]
        if "offset" in wrong:
            wrong[wrong.index("offset")] = f"offset {found['offset'][0]} for {row['offset'][0]}"
        return ", ".join(wrong)


def _same(name: str, found: np.ndarray, expected: np.ndarray) -> bool:
    # The LSTM's state differs in its last bits with the size of the window; all else is counted, not computed.
    if name in ("h", "c"):
        return bool(np.allclose(found, expected, rtol=0, atol=1e-5))
    return bool(np.array_equal(found, expected, equal_nan=found.dtype.kind == "f"))


@cache
def _session(name: str) -> int:
    """The 64 bits that stand for a basket in a row; 0 is none."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little") or 1 if name else 0
