"""The behaviour predictor: events and state rows in, answers and new rows out. The only code that applies events.

Training, evaluation, the stream and the files of `predict users` all come through here or through window.py.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray

from models.behaviour import window as windows
from models.behaviour.network import BehaviourNetwork, Memory
from models.behaviour.ranking import heaviest
from models.behaviour.replay import prefix_of, replay
from models.behaviour.row import PREFIX, blank, row_dtype
from models.behaviour.schedule import schedule
from models.behaviour.shelf import NEAR, Shelf
from models.columns import BehaviourBatch, EventColumns, ModelInfo
from models.errors import BatchError
from schemas.state import ROW_FORMAT, model_key

CHUNK = 256  # events scored at once: their features stay in the processor's cache
LIKED_SHOWN = 3
REWARM_CHUNK = 1_024  # users replayed at once, of 32 tokens each: some 70 MB of gates and inputs


class BehaviourPredictor:
    """A trained network with its tables. Not for several threads at once.

    `row_dtype` is the state row of row.py; `prefix_dtype` its part that any version of the model can read.
    """

    prefix_dtype = PREFIX

    def __init__(
        self,
        info: ModelInfo,
        categories: tuple[str, ...],
        products: tuple[str, ...],
        network: BehaviourNetwork,
        shelf: Shelf,
        device: str = "cpu",
    ) -> None:
        self.info = info
        self.categories = categories
        self.products = products
        self.names = np.array([crc32(name.encode()) for name in categories], np.uint32)
        self.table = crc32("\n".join(categories).encode())
        self.key = model_key(info.name, info.version)
        sizes = network.sizes
        self.row_dtype = row_dtype(sizes.categories, sizes.hidden, sizes.habits)
        self._device = torch.device(device)
        self._network = network.to(self._device).eval()
        self._shelf = shelf

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
        places = np.asarray(slots, np.int64)
        self._check(rows, places, events, emit)
        chosen = np.arange(len(places)) if emit is None else np.nonzero(emit)[0]
        after = rows.copy()
        window = windows.apply(after, places, events, self.names, kept=emit, product_keep=self._shelf.keep)
        with torch.inference_mode():
            h_at_token = self._encode(window, rows, after)
            return self._answer(window, rows, after, places, events, chosen, h_at_token, top)

    def rewarm(self, stored: np.ndarray) -> np.ndarray:
        """Rows written by another model -> rows of this one.

        `stored` begins with the fields of `prefix_dtype`, whatever follows. The LSTM's state is rebuilt from the ring
        of the last 32 tokens. Habits and lists are kept where the layout and the category table are the same as here,
        and are rebuilt from the ring otherwise. The offset is kept. Errors: BatchError when the prefix is not there.
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
        if stored.dtype == self.row_dtype:
            same = stored["table"] == self.table
            kept = stored[same].copy()
            kept["h"], kept["c"] = rebuilt["h"][same], rebuilt["c"][same]
            rebuilt[same] = kept
        for name in ("seen_ms", "purchase_ms", "session", "offset", "cursor", "ring_name", "ring_minute", "ring_flags"):
            rebuilt[name] = prefix[name]
        rebuilt["format"], rebuilt["model"], rebuilt["table"] = ROW_FORMAT, self.key, self.table
        return rebuilt

    def _encode(self, window: windows.Window, rows: np.ndarray, after: np.ndarray) -> NDArray[np.float32]:
        """LSTM over the tokens of a window; new h and c go into `after`. Returns (t, hidden) after each token."""
        tokens = window.tokens
        if not len(tokens.event):
            return np.empty((0, self._network.sizes.hidden), np.float32)
        steps = schedule(tokens.user)
        state = tuple(torch.from_numpy(rows[name][steps.users]).to(self._device)[None] for name in ("h", "c"))
        h, (h_end, c_end) = self._network.encode(
            torch.from_numpy(tokens.category[steps.order]).to(self._device),
            torch.from_numpy(tokens.numeric()[steps.order]).to(self._device),
            torch.from_numpy(steps.widths),
            (state[0], state[1]),
        )
        after["h"][steps.users], after["c"][steps.users] = h_end[0].cpu().numpy(), c_end[0].cpu().numpy()
        return np.asarray(h.cpu().numpy()[steps.place()])

    def _answer(
        self,
        window: windows.Window,
        rows: np.ndarray,
        after: np.ndarray,
        slots: NDArray[np.int64],
        events: EventColumns,
        chosen: NDArray[np.int64],
        h_at_token: NDArray[np.float32],
        top: int,
    ) -> BehaviourBatch:
        m = len(chosen)
        batch = BehaviourBatch(
            rows=after,
            category_ids=np.full((m, top), -1, np.int32),
            category_confidence=np.zeros((m, top), np.float32),
            product_ids=np.full((m, top), -1, np.int32),
            product_confidence=np.zeros((m, top), np.float32),
            attribute_keys=np.zeros((m, LIKED_SHOWN), np.uint32),
            attribute_share=np.zeros((m, LIKED_SHOWN), np.float32),
            purchase_probability=np.zeros(m, np.float32),
        )
        for start in range(0, m, CHUNK):
            cut = slice(start, start + CHUNK)
            here = chosen[cut]
            memory = windows.memory(window, rows, slots, events, here)
            h = torch.from_numpy(windows.pick(h_at_token, window.latest[here], rows["h"][slots[here]]))
            chances, week = self._score(h, memory)
            near = max(top, NEAR)
            ids, confidence = heaviest(chances, near)
            batch.category_ids[cut], batch.category_confidence[cut] = ids[:, :top], confidence[:, :top]
            at = window.place[here]
            batch.product_ids[cut], batch.product_confidence[cut] = self._shelf.rank(
                chances, ids[:, :NEAR], window.bought[at], window.bought_weights[at], top
            )
            batch.attribute_keys[cut], batch.attribute_share[cut] = _liked(
                window.liked_keys[at], window.liked_weights[at]
            )
            batch.purchase_probability[cut] = week
        return batch

    def _score(self, h: torch.Tensor, memory: Memory) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """-> (m, categories) chances, exactly 0 in the running basket, and (m,) chances of a purchase, on the CPU."""
        if self._device.type != "cpu":
            h, memory = h.to(self._device), Memory(*(column.to(self._device) for column in memory))
        logits = self._network.logits(h, memory) / self._network.get_buffer("temperature")
        chances = torch.softmax(logits, dim=1)[:, :-1].masked_fill(memory.basket, 0.0)
        week = self._network.calibrated_week(h, memory)
        return np.ascontiguousarray(chances.cpu().numpy()), week.cpu().numpy()

    def _check(
        self, rows: np.ndarray, slots: NDArray[np.int64], events: EventColumns, emit: NDArray[np.bool_] | None
    ) -> None:
        n = len(slots)
        columns = {name: getattr(events, name) for name in EventColumns.__slots__}
        lengths = {name: len(column) for name, column in columns.items()}
        if emit is not None:
            lengths["emit"] = len(emit)
        wrong = [f"{name} {length}" for name, length in lengths.items() if length != n]
        if wrong:
            raise BatchError(f"{n} slots but {', '.join(wrong)}; every column needs one entry per event")
        if rows.dtype != self.row_dtype:
            raise BatchError(
                f"rows of {rows.dtype.itemsize} bytes with another layout than this model's {self.row_dtype.itemsize}; "
                "make them with blank() or rewarm()"
            )
        if n and (slots.min() < 0 or slots.max() >= len(rows)):
            raise BatchError(f"slots reach from {slots.min()} to {slots.max()}, there are {len(rows)} rows")
        if n and events.categories.max() >= len(self.categories):
            raise BatchError(f"category {events.categories.max()} of {len(self.categories)}; use -1 for an unknown one")
        if n and events.products.max() >= len(self.products):
            raise BatchError(f"product {events.products.max()} of {len(self.products)}; use -1 for an unknown one")
        foreign = np.unique(rows["model"][rows["model"] != self.key])
        if len(foreign):
            raise BatchError(
                f"rows of model {foreign[0]:08x} given to {self.info.name} {self.info.version} ({self.key:08x}); "
                "call rewarm() on them first"
            )


def _liked(keys: NDArray[np.uint32], weights: NDArray[np.float32]) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """(m, places) liked attributes -> the heaviest three and their share of all."""
    order = np.argsort(-weights, axis=1, kind="stable")[:, :LIKED_SHOWN]
    total = np.maximum(weights.sum(axis=1, keepdims=True), np.float32(1e-9))
    return np.take_along_axis(keys, order, axis=1), np.take_along_axis(weights, order, axis=1) / total
