"""Behaviour: an event moves the user's state one step and becomes a prediction of what the user will want next.

The category and the attributes of the event's product are those that the products side predicted. All users of a window
go through the model in one call; an event whose offset is not past the one in the user's row is already counted there,
and is skipped. Which of the others count and are answered: admission.py. A null value erases the user.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import compress, groupby, repeat
from operator import attrgetter
from struct import Struct
from typing import Any

import msgspec
import numpy as np
from faust.types import TP
from msgspec import UNSET, Raw

from models.predict import (
    NO_EVENT,
    PRICE_BANDS,
    BehaviourBatch,
    BehaviourPredictor,
    EventLists,
    country_number,
    session_key,
)
from schemas.codec import encode
from schemas.events import EVENT_TYPES, UserBehaviour
from schemas.predictions import (
    Days,
    ModelRef,
    NextCategory,
    NextProduct,
    PreferredAttribute,
    Risk,
    Source,
    UserPrediction,
    prediction_id,
)  # fmt: skip
from schemas.state import ROW_FORMAT, ProductFeatures, attribute_key, model_key
from schemas.topics import DAY_MS, USER_PREDICTIONS
from streams.batcher.window import Window
from streams.clock import Clock
from streams.config import BehaviourSettings
from streams.logic.admission import Admission, admit
from streams.logic.answer import Answer, ReadRows
from streams.logic.decode import Decoded, WindowDecoder
from streams.logic.expiry import Expiry, Page

TYPE_CODES = {name: code for code, name in enumerate(EVENT_TYPES)}
MAX_ATTRIBUTES = 8  # of one product that reach the model
RISK = encode(Risk(0.5))[:-8]  # up to the eight bytes of the score, which is last
AT_ONCE = 64  # predictions made from arrays at once: more lists than that alive set the garbage collector off

ReadFeatures = Callable[[list[bytes]], list[bytes | None]]
_features = msgspec.msgpack.Decoder(ProductFeatures)
_HEAD = Struct("<B3xIq")  # format, model, offset: schemas.state.ROW_HEADER
_user_of, _tp_of = attrgetter("user_id"), attrgetter("tp")


@dataclass(slots=True)
class _Users:
    """The users of a window: a slot each, and one more for whoever comes back after being erased in it."""

    slots: dict[TP, dict[bytes, int]] = field(default_factory=dict)
    rows: list[bytes | None] = field(default_factory=list)
    erased: dict[tuple[TP, bytes], None] = field(default_factory=dict)


class BehaviourLogic:
    """Answers user-behaviour.

    `read_features` looks products up, by UTF-8 id; `attributes` are the (name, value) pairs that products can have;
    `page` gives stored rows of a partition, by key: without it none expires.
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
        settings: BehaviourSettings | None = None,
        page: Page | None = None,
    ) -> None:
        self.model_name, self.model_version = model.info.name, model.info.version
        self._model = model
        self._ref = ModelRef(model.info.name, model.info.version)
        self._model_key = model_key(model.info.name, model.info.version)
        self._read_features = read_features
        pairs = list(attributes)
        self._tastes = model.tastes(pairs)
        if self._tastes is not None:
            pairs += PRICE_BANDS
        self._attributes = {attribute_key(name, value): (name, value) for name, value in pairs}
        self._decoder = WindowDecoder(UserBehaviour, _user_of, clock)
        self._blank = model.blank(1).tobytes()
        self._top = top
        self._settings = settings = settings or BehaviourSettings.model_validate({})
        self._expiry: Expiry | None = None
        if settings.ttl_days and page is not None:
            self._expiry = Expiry(round(settings.ttl_days * DAY_MS), model.seen_at, page, clock)
        self._category_ids: dict[str | None, int] = {name: i for i, name in enumerate(model.categories)}
        self._product_ids: dict[str | None, int] = {name: i for i, name in enumerate(model.products)}
        # Encoded up to the eight bytes of the confidence, which is last.
        self._next_category = [encode(NextCategory(name, 0.0))[:-8] for name in model.categories]
        self._next_product = [encode(NextProduct(name, 0.0))[:-8] for name in model.products]

    def answer(self, window: Window, read: ReadRows) -> Answer:
        """See `Logic.answer`."""
        answer = Answer()
        decoded = self._decoder.decode(window, answer)
        users = self._read_users(decoded, read)
        new, slots = self._new(decoded, users, answer)
        for tp, key in users.erased:
            answer.partitions[tp].rows[key] = None  # unless the user comes back after it
        fresh = [item for item in new if item.event is not None]
        predictions: Iterator[bytes] = iter(())
        answered: Iterator[bool] = iter(())
        if fresh:
            rows = self._rows(users.rows)
            admission = admit(self._model, rows, fresh, slots, self._settings)
            events, emit = admission.events, admission.emit
            answered = iter(admission.answered)
            answer.results.update(admission.results)
            answer.types.update([event.type for event in events])
            lists = self._lists(admission)
            batch = self._model.step(rows, admission.slots, lists, top=self._top, emit=emit, tastes=self._tastes)
            self._write_rows(batch.rows, admission.items, admission.slots, users, answer)
            risks = self._risks(batch, answer)
            told = admission.items if emit is None else list(compress(admission.items, emit))
            predictions = self._predictions(
                batch, risks, told, events if emit is None else list(compress(events, emit))
            )
            if self._expiry is not None:
                self._expiry.sweep(admission.newest(), read, answer)
        for tp, items in groupby(new, key=_tp_of):
            outputs = answer.partitions[tp].outputs[USER_PREDICTIONS.name]
            for item in items:
                if item.event is None:
                    outputs.add(item.key, None)
                elif next(answered):
                    outputs.add(item.key, next(predictions))
        answer.results["deleted"] += len(new) - len(fresh)
        return answer

    # -- state -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _read_users(decoded: Sequence[Decoded[UserBehaviour]], read: ReadRows) -> _Users:
        users = _Users()
        for tp, items in groupby(decoded, key=_tp_of):
            keys = list(dict.fromkeys([item.key for item in items]))
            users.slots[tp] = dict(zip(keys, range(len(users.rows), len(users.rows) + len(keys)), strict=True))
            users.rows += read(tp.partition, keys)
        return users

    @staticmethod
    def _new(
        decoded: Sequence[Decoded[UserBehaviour]], users: _Users, answer: Answer
    ) -> tuple[list[Decoded[UserBehaviour]], list[int]]:
        """What is not yet counted in the rows, erasures too, in order; and the slot of each event among it."""
        counted = [_HEAD.unpack_from(row)[2] if row and len(row) >= _HEAD.size else -1 for row in users.rows]
        new: list[Decoded[UserBehaviour]] = []
        slots: list[int] = []
        for item in decoded:
            mine = users.slots[item.tp]
            slot = mine[item.key]
            if item.record.offset <= counted[slot]:
                answer.results["redelivered"] += 1
                continue
            new.append(item)
            if item.event is None:
                users.erased[item.tp, item.key] = None
                mine[item.key] = len(users.rows)
                users.rows.append(None)
                counted.append(-1)
            else:
                slots.append(slot)
        return new, slots

    def _rows(self, stored: Sequence[bytes | None]) -> np.ndarray:
        """State rows as an array; blank for new users, rebuilt by the model where another model wrote them."""
        blank, size, ours = self._blank, len(self._blank), self._blank[4:8]
        mine = [row if row and len(row) == size and row[4:8] == ours else blank for row in stored]
        rows = np.frombuffer(b"".join(mine), self._model.row_dtype)
        foreign = {i: row for i, row in enumerate(stored) if row and row is not mine[i]}
        return self._rewarmed(rows, foreign) if foreign else rows

    def _rewarmed(self, rows: np.ndarray, foreign: dict[int, bytes]) -> np.ndarray:
        """The rows, some of them from what another model or layout wrote; too short a one stays blank."""
        rows, head = rows.copy(), self._model.prefix_dtype
        by_size: dict[int, list[int]] = {}  # of a size that is not known every version can read the beginning
        for i, row in foreign.items():
            if len(row) >= head.itemsize:
                by_size.setdefault(len(row) if len(row) in self._model.layouts else head.itemsize, []).append(i)
        for size, mine in by_size.items():
            stored = b"".join(foreign[i][:size] for i in mine)
            rows[mine] = self._model.rewarm(np.frombuffer(stored, self._model.layouts.get(size, head)))
        return rows

    def _write_rows(
        self,
        rows: np.ndarray,
        fresh: Sequence[Decoded[UserBehaviour]],
        slots: Sequence[int],
        users: _Users,
        answer: Answer,
    ) -> None:
        raw, size = memoryview(rows.view(np.uint8).data), rows.dtype.itemsize
        last = dict(zip(slots, fresh, strict=True))  # the last event of each slot
        # In the order of their offsets, so that the changelog's rows rise and a recovery need not look at their keys.
        for slot in sorted(last, key=lambda slot: last[slot].record.offset):
            item = last[slot]
            if users.slots[item.tp][item.key] == slot:  # else the user was erased after it
                row = raw[slot * size : (slot + 1) * size]
                _HEAD.pack_into(row, 0, ROW_FORMAT, self._model_key, item.record.offset)
                answer.partitions[item.tp].rows[item.key] = bytes(row)

    # -- model -------------------------------------------------------------------------------------------------------

    def _lists(self, admission: Admission) -> EventLists:
        lists = self.columns(admission.events)._replace(times_ms=admission.times_ms, ids=admission.ids)
        for place in admission.still:
            lists.types[place], lists.categories[place], lists.products[place] = NO_EVENT, -1, -1
            if lists.attributes is not None:
                lists.attributes[place] = []
        return lists

    def columns(self, events: Sequence[UserBehaviour]) -> EventLists:
        """Events as the model reads them: categories of the shop or, failing that, predicted; numbers of products."""
        features = self._features_of(events)
        category_ids, product_ids = self._category_ids, self._product_ids
        categories = [category_ids.get(event.category, -1) for event in events]
        attributes: list[list[int]] | None = None
        if features:
            attributes = [[] for _ in events]
            for i, event in enumerate(events):
                known = features.get(event.product_id)
                if known is not None:
                    if categories[i] < 0:
                        categories[i] = category_ids.get(known.category, -1)
                    attributes[i] = known.attribute_keys[:MAX_ATTRIBUTES]
        keys: dict[str, list[int]] = {}
        if self._model.counts_sessions:
            keys["session_keys"] = [_key(event.session_id) for event in events]
            keys["product_keys"] = [_key(event.product_id) for event in events]
            keys["category_keys"] = [_key(event.category or _category(features, event)) for event in events]
        return EventLists(
            types=[TYPE_CODES[event.type] for event in events],
            categories=categories,
            products=[product_ids.get(event.product_id, -1) for event in events],
            attributes=attributes,
            sessions=[_session(event.session_id) for event in events],
            times_ms=[event.occurred_at for event in events],
            prices=[event.price or 0.0 for event in events],
            countries=[country_number(event.country) for event in events],
            quantities=[event.quantity or 0.0 for event in events],
            **keys,
        )

    def _features_of(self, events: Sequence[UserBehaviour]) -> dict[str | None, ProductFeatures]:
        wanted = list(dict.fromkeys([event.product_id for event in events if event.product_id is not None]))
        rows = self._read_features([product_id.encode() for product_id in wanted])
        return {
            product_id: _features.decode(row) for product_id, row in zip(wanted, rows, strict=True) if row is not None
        }

    # -- outputs -----------------------------------------------------------------------------------------------------

    def _risks(self, batch: BehaviourBatch, answer: Answer) -> list[Any]:
        """The encoded risk of each event that is answered; alarms are counted."""
        risks = batch.risks
        if risks is None:
            return [UNSET] * len(batch.category_ids)
        threshold = risks.alarm if self._settings.risk_alarm is None else self._settings.risk_alarm
        parts = risks.scores.astype(">f8").view("V8").tolist()  # as MessagePack writes them
        found: list[Any] = [Raw(RISK + score) for score in parts]
        for event in np.flatnonzero(np.isnan(risks.scores)).tolist():
            found[event] = UNSET
        alarms = set(np.flatnonzero(risks.scores >= threshold).tolist())
        for event in alarms | risks.reasons.keys():
            score = float(risks.scores[event])
            found[event] = Risk(score, risks.reasons.get(event, []), event in alarms)
        answer.alarms += len(alarms)
        return found

    def _predictions(
        self,
        batch: BehaviourBatch,
        risks: list[Any],
        fresh: Sequence[Decoded[UserBehaviour]],
        events: Sequence[UserBehaviour],
    ) -> Iterator[bytes]:
        top, ref = self._top, self._ref
        sessions: list[Any] = [UNSET] * len(fresh)
        if batch.session_purchase is not None:
            sessions = [UNSET if chance != chance else chance for chance in batch.session_purchase.tolist()]  # NaN
        chances = batch.purchase_probability[:, None]
        parts: list[np.ndarray] = [batch.category_confidence, batch.product_confidence, batch.attribute_share]
        if batch.attribute_probability is not None:
            parts.append(batch.attribute_probability)
        parts.append(chances)
        shares = np.concatenate(parts, axis=1, dtype=np.float64)
        shares *= 1e6  # to six digits
        np.rint(shares, out=shares)
        shares /= 1e6
        category_ids, product_ids = batch.category_ids, batch.product_ids
        if self._settings.min_confidence:
            category_ids = np.where(shares[:, :top] < self._settings.min_confidence, -1, category_ids)
            product_ids = np.where(shares[:, top : 2 * top] < self._settings.min_confidence, -1, product_ids)
        for start in range(0, len(fresh), AT_ONCE):
            cut = slice(start, start + AT_ONCE)
            rows = zip(
                fresh[cut],
                events[cut],
                category_ids[cut].tolist(),
                product_ids[cut].tolist(),
                batch.attribute_keys[cut].tolist(),
                shares[cut, : 2 * top].astype(">f8").view("V8").tolist(),  # as MessagePack writes them
                shares[cut, 2 * top :].tolist(),
                risks[cut],
                sessions[cut],
                _visits(batch, cut),
                strict=True,
            )
            for item, event, categories, products, keys, listed, (*liked, chance), risk, session, visit in rows:
                (topic, partition), offset = item.tp, item.record.offset
                prediction = UserPrediction(
                    prediction_id=prediction_id(topic, partition, offset),
                    user_id=event.user_id,
                    event_id=event.event_id,
                    as_of=event.occurred_at,
                    source=Source(topic, partition, offset),
                    model=ref,
                    next_categories=_joined(self._next_category, categories, listed),
                    next_products=_joined(self._next_product, products, listed[top:]),
                    preferred_attributes=self._preferred(keys, liked),
                    purchase_probability=chance,
                    risk=risk,
                    session_purchase_probability=session,
                    next_visit_days=visit,
                )
                yield encode(prediction)

    def _preferred(self, keys: list[int], shares: list[float]) -> list[PreferredAttribute]:
        """Attributes by their keys, 0 = none; `shares` has that of each, and then the chance of each or nothing."""
        known, count = self._attributes, len(keys)
        if len(shares) == count:
            return [PreferredAttribute(*known[key], shares[i]) for i, key in enumerate(keys) if key in known]
        return [
            PreferredAttribute(*known[key], shares[i], shares[count + i]) for i, key in enumerate(keys) if key in known
        ]


def _visits(batch: BehaviourBatch, cut: slice) -> Iterable[Any]:
    if batch.next_visit is None:
        return repeat(UNSET, len(batch.category_ids[cut]))
    return [UNSET if days is None else Days(*days) for days in batch.next_visit[cut]]


def _joined(beginnings: Sequence[bytes], ids: list[int], shares: list[bytes]) -> Any:
    """The encoded list of some labels with their shares; -1, of which there may be some at the end, is none.

    A third faster than a struct for each of them, of which a prediction has twenty.
    """
    if ids and ids[-1] < 0:
        ids = ids[: ids.index(-1)]
    parts = [_array(len(ids))] * (2 * len(ids) + 1)
    parts[1::2] = [beginnings[i] for i in ids]
    parts[2::2] = shares[: len(ids)]
    return Raw(b"".join(parts))


@cache
def _array(length: int) -> bytes:
    """The first bytes of an encoded array."""
    return encode([None] * length)[: -length or None]


def _key(id_: str | None) -> int:
    return session_key(id_) if id_ else 0


def _category(features: dict[str | None, ProductFeatures], event: UserBehaviour) -> str | None:
    known = features.get(event.product_id)
    return known.category if known is not None else None


@lru_cache(65536)
def _session(session_id: str | None) -> int:
    """The 64 bits that stand for a basket, never 0, which means none."""
    if session_id is None:
        return 0
    return int.from_bytes(blake2b(session_id.encode(), digest_size=8).digest(), "little") or 1
