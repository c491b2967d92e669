"""The behaviour predictor: events and state rows in, answers and new rows out. The only code that applies events.

Training, evaluation, the stream and the files of `predict users` all come through here or through window.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray

from models.behaviour.carry import carry
from models.behaviour.heads import Heads
from models.behaviour.lstm import Encoded, Lstm
from models.behaviour.network import BehaviourNetwork
from models.behaviour.on_device import OnDevice
from models.behaviour.ranking import heaviest
from models.behaviour.recent import admit
from models.behaviour.replay import prefix_of, replay
from models.behaviour.risk import RiskReader, Signs
from models.behaviour.risk_model import RiskModel
from models.behaviour.row import PREFIX, blank, byte_of, earlier_dtypes, row_dtype
from models.behaviour.sessions import SessionReader
from models.behaviour.shelf import NEAR, Offers, Shelf
from models.behaviour.taste import TasteModel, TasteReader
from models.behaviour.visit import VisitModel
from models.behaviour.walk import EventLists, Window, walk
from models.behaviour.window import remembered
from models.columns import BehaviourBatch, EventColumns, ModelInfo
from models.errors import BatchError
from models.session.predictor import SessionModel
from schemas.state import ROW_FORMAT, model_key

CHUNK = 96  # events scored at once: few calls for each, and their features stay in the processor's cache
LIKED_SHOWN = 3
REWARM_CHUNK = 1_024  # users replayed at once, of 32 tokens each: some 70 MB of gates and inputs


class BehaviourPredictor:
    """A trained network with its tables. Not for several threads at once.

    `row_dtype` is the state row of row.py; `prefix_dtype` its part that any version of the model can read; `layouts`,
    by their bytes, are those whose habits and lists `rewarm` keeps.
    """

    prefix_dtype = PREFIX
    seen_at = byte_of(PREFIX, "seen_ms")  # an int64: the latest time of an event of the user

    def __init__(
        self,
        info: ModelInfo,
        categories: tuple[str, ...],
        products: tuple[str, ...],
        network: BehaviourNetwork,
        shelf: Shelf,
        device: str = "cpu",
        risk: RiskModel | None = None,
        session: SessionModel | None = None,
        visit: VisitModel | None = None,
        taste: TasteModel | None = None,
    ) -> None:
        self.info = info
        self.categories = categories
        self.products = products
        self.names = np.array([crc32(name.encode()) for name in categories], np.uint32)
        self._names = self.names.tolist()
        self.table = crc32("\n".join(categories).encode())
        self.key = model_key(info.name, info.version)
        sizes = network.sizes
        shape = sizes.categories, sizes.hidden, sizes.habits
        self.row_dtype = row_dtype(*shape)
        self.layouts = {each.itemsize: each for each in (*earlier_dtypes(*shape), self.row_dtype)}
        self._device = torch.device(device)
        self._network = network.to(self._device).eval()
        self._shelf = shelf
        self.risk = risk
        self.visit = visit
        self.taste = taste
        self._tastes = self.tastes(())
        self._reader = None if risk is None else risk.reader(categories)
        counts_at = byte_of(self.row_dtype, "session_counts")
        self._sessions = None if session is None else SessionReader(session, self.row_dtype.itemsize, counts_at)
        self._offers = Offers(shelf, CHUNK)
        self._heads = Heads(network, CHUNK)
        self._on_device = OnDevice(network, self._device)
        self._encode = Lstm(network) if self._device.type == "cpu" else self._on_device.encode

    @property
    def counts_sessions(self) -> bool:
        """Whether it reads the hashes of EventLists for sessions."""
        return self._sessions is not None

    @property
    def network(self) -> BehaviourNetwork:
        """The network that answers, as it was trained; not to be altered."""
        return self._network

    def tastes(self, attributes: Iterable[tuple[str, str]]) -> TasteReader | None:
        """What `step` reads the chances of these attributes (name and value) with; None without a model of tastes."""
        return None if self.taste is None else self.taste.reader(self.categories, attributes)

    def blank(self, n: int) -> np.ndarray:
        """(n,) rows of users never seen."""
        rows = blank(self.row_dtype, n)
        rows["format"], rows["model"], rows["table"] = ROW_FORMAT, self.key, self.table
        return rows

    def run(
        self,
        rows: np.ndarray,
        slots: NDArray[np.integer],
        events: EventColumns,
        *,
        top: int = 10,
        emit: NDArray[np.bool_] | None = None,
    ) -> BehaviourBatch:
        """Apply a window of events and answer those that `emit` names (None: all of them).

        Shapes: (u,) rows, which are not changed, and (n,) the row of each event -> answers in event order and (u,) new
        rows. Cutting a stream into other windows, or mixing users otherwise, changes no answer by more than 1e-5.
        Errors: BatchError when lengths or types disagree, or a row was written by another model (see `rewarm`).
        """
        lengths = {name: len(column) for name, column in events.told()}
        if emit is not None:
            lengths["emit"] = len(emit)
        wrong = [f"{name} {length}" for name, length in lengths.items() if length != len(slots)]
        if wrong:
            raise BatchError(f"{len(slots)} slots but {', '.join(wrong)}; every column needs one entry per event")
        places, columns = np.asarray(slots, np.int64).tolist(), EventLists.of(events)
        self._check(rows, places, columns)
        return self.step(rows, places, columns, top=top, emit=None if emit is None else emit.tolist())

    def step(
        self,
        rows: np.ndarray,
        slots: list[int],
        events: EventLists,
        *,
        top: int = 10,
        emit: list[bool] | None = None,
        tastes: TasteReader | None = None,
    ) -> BehaviourBatch:
        """As `run`, for what the stream has: lists, and rows and numbers of this model, which nobody checks again.

        `tastes` of this predictor knows the attributes whose chances are told; None: only those of price bands are.
        """
        tastes = tastes or self._tastes
        bands = None if tastes is None else tastes.bands(events.categories, events.prices)
        window = walk(
            rows,
            slots,
            events,
            self._names,
            kept=emit,
            product_keep=self._shelf.keep,
            risk=self._reader,
            bands=bands,
        )
        batch = self._answer(window, self._states(window, rows), top)
        more: dict[str, Any] = {}
        if self.risk is not None and window.signs is not None:
            more["risks"] = self.risk.score(window.signs)
        if self.visit is not None:
            more["next_visit"] = self.visit.days(window.pace)
        if tastes is not None:
            liked = tastes.read(window.kept, batch.attribute_keys, batch.attribute_share)
            more |= dict(zip(("attribute_keys", "attribute_share", "attribute_probability"), liked, strict=True))
        if self._sessions is not None:
            more["session_purchase"] = self._sessions.step(window.raw, slots, events, emit)
        return replace(batch, **more)

    def observe(self, users: int, slots: list[int], events: EventLists, reader: RiskReader) -> Signs:
        """Signs of the events of new users, by the walk alone: what risk is learnt from and measured on."""
        window = walk(self.blank(users), slots, events, self._names, product_keep=self._shelf.keep, risk=reader)
        assert window.signs is not None
        return window.signs

    def admit(
        self,
        rows: np.ndarray,
        slots: list[int],
        times_ms: list[int],
        received_ms: list[int],
        *,
        ids: list[int] | None,
        bound_ms: int | None,
    ) -> tuple[list[int], list[int]]:
        """Which events of a window may move their rows on, and the time to answer each at; see recent.py.

        What is not admitted goes to `step` as NO_EVENT, without category, product and attributes, or not at all.
        """
        return admit(rows, slots, times_ms, received_ms, ids=ids, bound_ms=bound_ms)

    def rewarm(self, stored: np.ndarray) -> np.ndarray:
        """Rows written by another model -> rows of this one.

        `stored` begins with the fields of `prefix_dtype`, whatever follows. The LSTM's state is rebuilt from the ring
        of the last 32 tokens, which holds no products and prices. Habits and lists are kept where the layout is one of
        `layouts` and the category table the same as here, and are rebuilt from the ring otherwise. The offset is kept.
        Errors: BatchError when the prefix is not there.
        """
        prefix = prefix_of(stored)
        rows = self.blank(len(prefix))
        for start in range(0, len(prefix), REWARM_CHUNK):
            cut = slice(start, start + REWARM_CHUNK)
            rows[cut] = self._rewarm(prefix[cut], stored[cut])
        return rows

    def _rewarm(self, prefix: np.ndarray, stored: np.ndarray) -> np.ndarray:
        fresh = self.blank(len(prefix))
        slots, events = replay(prefix, self.names)
        rebuilt = self.run(fresh, slots, events, emit=np.zeros(len(slots), bool)).rows
        if stored.dtype in self.layouts.values():
            carry(stored, rebuilt, self.table, self.key)
        for name in ("seen_ms", "purchase_ms", "session", "offset", "cursor", "ring_name", "ring_minute", "ring_flags"):
            rebuilt[name] = prefix[name]
        rebuilt["format"], rebuilt["model"], rebuilt["table"] = ROW_FORMAT, self.key, self.table
        return rebuilt

    def _states(self, window: Window, rows: np.ndarray) -> NDArray[np.float32]:
        """LSTM over the tokens of a window; new h and c go into its rows. Returns (m, hidden) h at each kept event."""
        h, tokens, users = rows["h"], window.tokens, len(rows)
        if not tokens.users:
            return h.take(window.states, axis=0)
        encoded = self._encode(tokens, h, rows["c"])
        self._store(window.raw, encoded)
        if window.states and min(window.states) >= users:
            return encoded.at_token.take([state - users for state in window.states], axis=0)
        return np.concatenate([h, encoded.at_token]).take(window.states, axis=0)

    def _store(self, raw: bytearray, encoded: Encoded) -> None:
        """h and c into rows; byte by byte, which for a few rows takes a fifth of what numpy's fields do."""
        size = self._network.sizes.hidden * 4
        h, c, at = encoded.h.tobytes(), encoded.c.tobytes(), byte_of(self.row_dtype, "h")
        for number, user in enumerate(encoded.users):
            row, mine = at + user * self.row_dtype.itemsize, slice(number * size, (number + 1) * size)
            raw[row : row + 2 * size] = h[mine] + c[mine]  # c comes right after h

    def _answer(self, window: Window, states: NDArray[np.float32], top: int) -> BehaviourBatch:
        m = len(window.kept)
        if m <= CHUNK:
            part = self._part(window, slice(m), states, top) if m else _nothing(top)
            return BehaviourBatch(window.rows, *part)  # type: ignore[arg-type]  # all but the risks
        parts = [self._part(window, slice(start, start + CHUNK), states, top) for start in range(0, m, CHUNK)]
        whole = [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]
        return BehaviourBatch(window.rows, *whole)  # type: ignore[arg-type]

    def _part(self, window: Window, cut: slice, states: NDArray[np.float32], top: int) -> tuple[np.ndarray, ...]:
        """The answers to some of the events that are kept: all of BehaviourBatch but the rows."""
        kept = window.kept[cut]
        h = states[cut]
        if self._device.type == "cpu":
            chances, week = self._heads(h, kept, window.known[cut], window.hours[cut], window.pace[cut])
        else:
            chances, week = self._on_device.score(h, remembered(window, cut))
        categories, confidence = heaviest(chances, max(top, NEAR))
        return (
            categories[:, :top],
            confidence[:, :top],
            *self._offers.rank(chances, categories[:, :NEAR], kept["bought_id"], kept["bought_weight"], top),
            *_liked(kept["liked_key"], kept["liked_weight"]),
            week,
        )

    def _check(self, rows: np.ndarray, slots: list[int], events: EventLists) -> None:
        if rows.dtype is not self.row_dtype and rows.dtype != self.row_dtype:
            raise BatchError(
                f"rows of {rows.dtype.itemsize} bytes with another layout than this model's {self.row_dtype.itemsize}; "
                "make them with blank() or rewarm()"
            )
        if slots and not 0 <= min(slots) <= max(slots) < len(rows):
            raise BatchError(f"slots reach from {min(slots)} to {max(slots)}, there are {len(rows)} rows")
        for name, ids, known in (
            ("category", events.categories, self.categories), ("product", events.products, self.products)
        ):  # fmt: skip
            if max(ids, default=-1) >= len(known):
                raise BatchError(f"{name} {max(ids)} of {len(known)}; use -1 for an unknown one")
        foreign = rows["model"] != self.key
        if np.count_nonzero(foreign):
            raise BatchError(
                f"rows of model {rows['model'][foreign][0]:08x} given to {self.info.name} {self.info.version} "
                f"({self.key:08x}); call rewarm() on them first"
            )


def _nothing(top: int) -> tuple[np.ndarray, ...]:
    ids, shares = np.empty((0, top), np.int32), np.empty((0, top), np.float32)
    liked = np.empty((0, LIKED_SHOWN), np.uint32), np.empty((0, LIKED_SHOWN), np.float32)
    return ids, shares, ids, shares, *liked, np.empty(0, np.float32)


def _liked(keys: NDArray[np.uint32], weights: NDArray[np.float32]) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """(m, places) liked attributes -> the heaviest three and their share of all."""
    if not np.count_nonzero(keys):
        return np.zeros((len(keys), LIKED_SHOWN), np.uint32), np.zeros((len(keys), LIKED_SHOWN), np.float32)
    order = np.argsort(-weights, axis=1, kind="stable")[:, :LIKED_SHOWN]
    total = np.maximum(weights.sum(axis=1, keepdims=True), np.float32(1e-9))
    return np.take_along_axis(keys, order, axis=1), np.take_along_axis(weights, order, axis=1) / total
