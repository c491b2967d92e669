"""Behaviour: an event moves the user's state one step and becomes a prediction of what the user will want next.

The category and the attributes of the event's product are those that the products side predicted. All users of a window
go through the model in one call; an event whose offset is not past the one in the user's row is already counted there,
and is skipped. A null value erases the user.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
from faust.types import TP

from models.predict import BehaviourBatch, BehaviourPredictor, EventColumns
from schemas.codec import encode
from schemas.events import EVENT_TYPES, UserBehaviour
from schemas.predictions import (
    ModelRef,
    NextCategory,
    NextProduct,
    PreferredAttribute,
    Source,
    UserPrediction,
    prediction_id,
)  # fmt: skip
from schemas.state import ROW_FORMAT, ProductFeatures, attribute_key, model_key
from schemas.topics import USER_PREDICTIONS
from streams.batcher.window import Window
from streams.clock import Clock
from streams.logic.answer import Answer, ReadRows
from streams.logic.decode import Decoded, WindowDecoder

TYPE_CODES = {name: code for code, name in enumerate(EVENT_TYPES)}
MAX_ATTRIBUTES = 8  # of one product that reach the model

ReadFeatures = Callable[[list[bytes]], list[bytes | None]]
_features = msgspec.msgpack.Decoder(ProductFeatures)


@dataclass(slots=True)
class _Users:
    """The users of a window: a slot each, and one more for whoever comes back after being erased in it."""

    slots: dict[tuple[TP, bytes], int] = field(default_factory=dict)
    rows: list[bytes | None] = field(default_factory=list)
    erased: dict[tuple[TP, bytes], None] = field(default_factory=dict)


class BehaviourLogic:
    """Answers user-behaviour.

    `read_features` looks products up, by UTF-8 id; `attributes` are the (name, value) pairs that products can have.
    """

    name = "behaviour"

    def __init__(
        self,
        model: BehaviourPredictor,
        read_features: ReadFeatures,
        attributes: Iterable[tuple[str, str]],
        clock: Clock,
        *,
        top: int = 10,
    ) -> None:
        self.model_name, self.model_version = model.info.name, model.info.version
        self._model = model
        self._ref = ModelRef(model.info.name, model.info.version)
        self._model_key = model_key(model.info.name, model.info.version)
        self._read_features = read_features
        self._attributes = {attribute_key(name, value): (name, value) for name, value in attributes}
        self._decoder = WindowDecoder(UserBehaviour, lambda event: event.user_id, clock)
        self._top = top
        self._category_ids = {name: i for i, name in enumerate(model.categories)}
        self._product_ids = {name: i for i, name in enumerate(model.products)}

    def answer(self, window: Window, read: ReadRows) -> Answer:
        """See `Logic.answer`."""
        answer = Answer()
        decoded = self._decoder.decode(window, answer)
        users = self._read_users(decoded, read)
        new, slots = self._new(decoded, users, answer)
        fresh = [item for item in new if item.event is not None]
        for tp, key in users.erased:
            answer.partitions[tp].rows[key] = None  # unless the user comes back after it
        predictions: Iterator[bytes] = iter(())
        if fresh:
            rows = self._rows(users.rows)
            batch = self._model.run(rows, slots, self._columns(fresh), top=self._top)
            self._write_rows(batch.rows, fresh, slots, users, answer)
            predictions = self._predictions(batch, fresh)
        for item in new:
            value = None if item.event is None else next(predictions)
            answer.partitions[item.tp].outputs[USER_PREDICTIONS.name].add(item.key, value)
        answer.types.update(item.event.type for item in new if item.event is not None)
        answer.results["predicted"] += len(fresh)
        answer.results["deleted"] += len(new) - len(fresh)
        return answer

    # -- state -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _read_users(decoded: Sequence[Decoded[UserBehaviour]], read: ReadRows) -> _Users:
        users = _Users()
        keys: dict[TP, list[bytes]] = {}
        for item in decoded:
            place = (item.tp, item.key)
            if place not in users.slots:
                users.slots[place] = -1
                keys.setdefault(item.tp, []).append(item.key)
        for tp, wanted in keys.items():
            for key, row in zip(wanted, read(tp.partition, wanted), strict=True):
                users.slots[tp, key] = len(users.rows)
                users.rows.append(row)
        return users

    @staticmethod
    def _new(
        decoded: Sequence[Decoded[UserBehaviour]], users: _Users, answer: Answer
    ) -> tuple[list[Decoded[UserBehaviour]], np.ndarray]:
        """What is not yet counted in the rows, erasures too, in order; and the slot of each event among it."""
        counted = [int.from_bytes(row[8:16], "little", signed=True) if row else -1 for row in users.rows]
        new: list[Decoded[UserBehaviour]] = []
        slots: list[int] = []
        for item in decoded:
            place = (item.tp, item.key)
            slot = users.slots[place]
            if item.record.offset <= counted[slot]:
                answer.results["redelivered"] += 1
                continue
            new.append(item)
            if item.event is None:
                users.erased[place] = None
                users.slots[place] = len(users.rows)
                users.rows.append(None)
                counted.append(-1)
            else:
                slots.append(slot)
        return new, np.array(slots, np.int32)

    def _rows(self, stored: Sequence[bytes | None]) -> np.ndarray:
        """State rows as an array; blank for new users, rebuilt by the model where another model wrote them."""
        dtype = self._model.row_dtype
        rows: np.ndarray = self._model.blank(len(stored))
        same = [i for i, row in enumerate(stored) if row and len(row) == dtype.itemsize]
        if same:
            rows[same] = np.frombuffer(b"".join(stored[i] for i in same), dtype)  # type: ignore[misc]
        foreign = [i for i in same if rows["model"][i] != self._model_key]
        if foreign:
            rows[foreign] = self._model.rewarm(rows[foreign])
        prefix = self._model.prefix_dtype
        other = [i for i, row in enumerate(stored) if row and prefix.itemsize <= len(row) != dtype.itemsize]
        if other:  # another layout, of which every version can read the beginning
            heads = b"".join(stored[i][: prefix.itemsize] for i in other)  # type: ignore[index]
            rows[other] = self._model.rewarm(np.frombuffer(heads, prefix))
        return rows

    def _write_rows(
        self,
        rows: np.ndarray,
        fresh: Sequence[Decoded[UserBehaviour]],
        slots: np.ndarray,
        users: _Users,
        answer: Answer,
    ) -> None:
        last = dict(zip(slots.tolist(), fresh, strict=True))  # the last event of each slot
        touched = list(last)
        rows["format"] = ROW_FORMAT
        rows["model"] = self._model_key
        rows["offset"][touched] = [item.record.offset for item in last.values()]
        raw, size = rows.tobytes(), rows.dtype.itemsize
        for slot, item in last.items():
            if users.slots[item.tp, item.key] == slot:  # else the user was erased after it
                answer.partitions[item.tp].rows[item.key] = raw[slot * size : (slot + 1) * size]

    # -- model -------------------------------------------------------------------------------------------------------

    def _columns(self, fresh: Sequence[Decoded[UserBehaviour]]) -> EventColumns:
        events: list[Any] = [item.event for item in fresh]
        features = self._features_of(events)
        category_ids, product_ids = self._category_ids, self._product_ids
        categories = np.empty(len(events), np.int32)
        attributes = np.zeros((len(events), MAX_ATTRIBUTES), np.uint32)
        for i, event in enumerate(events):
            category = category_ids.get(event.category, -1) if event.category is not None else -1
            known = features.get(event.product_id)
            if known is not None:
                if category < 0:
                    category = category_ids.get(known.category, -1)
                keys = known.attribute_keys[:MAX_ATTRIBUTES]
                attributes[i, : len(keys)] = keys
            categories[i] = category
        return EventColumns(
            types=np.array([TYPE_CODES[event.type] for event in events], np.uint8),
            categories=categories,
            products=np.array([product_ids.get(event.product_id, -1) for event in events], np.int32),
            attributes=attributes,
            sessions=np.array([_session(event.session_id) for event in events], np.uint64),
            times_ms=np.array([event.occurred_at for event in events], np.int64),
        )

    def _features_of(self, events: Iterable[UserBehaviour]) -> dict[str | None, ProductFeatures]:
        wanted = list({event.product_id: None for event in events if event.product_id is not None})
        rows = self._read_features([product_id.encode() for product_id in wanted])
        return {
            product_id: _features.decode(row) for product_id, row in zip(wanted, rows, strict=True) if row is not None
        }

    # -- outputs -----------------------------------------------------------------------------------------------------

    def _predictions(self, batch: BehaviourBatch, fresh: Sequence[Decoded[UserBehaviour]]) -> Iterator[bytes]:
        categories = _pairs(batch.category_ids, batch.category_confidence)
        products = _pairs(batch.product_ids, batch.product_confidence)
        attributes = _pairs(batch.attribute_keys, batch.attribute_share)
        chances = np.round(batch.purchase_probability.astype(np.float64), 6).tolist()
        names, goods, known = self._model.categories, self._model.products, self._attributes
        for i, item in enumerate(fresh):
            record, event = item.record, item.event
            assert event is not None
            prediction = UserPrediction(
                prediction_id=prediction_id(item.tp.topic, item.tp.partition, record.offset),
                user_id=event.user_id,
                event_id=event.event_id,
                as_of=event.occurred_at,
                source=Source(item.tp.topic, item.tp.partition, record.offset),
                model=self._ref,
                next_categories=[NextCategory(names[label], p) for label, p in categories[i] if label >= 0],
                next_products=[NextProduct(goods[label], p) for label, p in products[i] if label >= 0],
                preferred_attributes=[PreferredAttribute(*known[key], p) for key, p in attributes[i] if key in known],
                purchase_probability=chances[i],
            )
            yield encode(prediction)


@lru_cache(65536)
def _session(session_id: str | None) -> int:
    """The 64 bits that stand for a basket, never 0, which means none."""
    if session_id is None:
        return 0
    return int.from_bytes(blake2b(session_id.encode(), digest_size=8).digest(), "little") or 1


def _pairs(labels: np.ndarray, shares: np.ndarray) -> list[list[tuple[int, float]]]:
    rounded = np.round(shares.astype(np.float64), 6)
    return [list(zip(ids, row, strict=True)) for ids, row in zip(labels.tolist(), rounded.tolist(), strict=True)]
