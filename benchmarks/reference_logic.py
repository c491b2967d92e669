"""The reference job as a logic of shelfstream's engine: packed LSTM over all users of a window, float16 state rows."""

import msgspec
import numpy as np
import torch
from torch.nn.utils.rnn import PackedSequence

from benchmarks.reference_model import HIDDEN, ROW, TOP, Answer, Event, ReferenceModel
from schemas.topics import USER_PREDICTIONS
from streams.batcher.window import Window
from streams.logic import answer as engine
from streams.logic.answer import ReadRows

_decode = msgspec.msgpack.Decoder(Event).decode
_encode = msgspec.msgpack.Encoder().encode
_BLANK = bytes(ROW.itemsize)


class ReferenceLogic:
    """Answers each event with the five likeliest classes; skips what the row has counted."""

    name = "reference"
    model_name, model_version = "reference", "1"

    def __init__(self) -> None:
        self._model = ReferenceModel()

    @torch.inference_mode()
    def answer(self, window: Window, read: ReadRows) -> engine.Answer:
        """See `Logic.answer`."""
        answer = engine.Answer()
        keys, offsets, tokens, slots, stored, owners = [], [], [], [], [], []
        for tp, records in window.records.items():
            mine: dict[bytes, int] = {}
            base = len(stored)
            slots += [base + mine.setdefault(record.key, len(mine)) for record in records]
            keys += [record.key for record in records]
            offsets += [record.offset for record in records]
            tokens += [_decode(record.value).product_id for record in records]
            stored += [row or _BLANK for row in read(tp.partition, list(mine))]
            owners += [(tp, key) for key in mine]
        rows = np.frombuffer(b"".join(stored), ROW).copy()
        slot, offset = np.array(slots), np.array(offsets)
        rows["offset"][rows["format"] == 0] = -1
        fresh = np.flatnonzero(offset > rows["offset"][slot])
        if not len(fresh):
            return answer
        order, step, sizes, longest_first = _time_major(slot[fresh], len(rows))
        places = fresh[order]  # (n,) window positions in packed order
        inputs = self._model.embedding(torch.from_numpy(np.array(tokens)[places]))
        used = longest_first[: sizes[0]]
        h, c = (torch.from_numpy(rows[part][used].astype(np.float32))[None] for part in ("h", "c"))
        out, (h, c) = self._model.lstm(PackedSequence(inputs, torch.from_numpy(sizes)), (h, c))
        confidence, top = torch.softmax(self._model.head(out.data), -1).topk(TOP, -1)
        rows["h"][used], rows["c"][used] = h[0].numpy(), c[0].numpy()
        np.maximum.at(rows["offset"], slot[fresh], offset[fresh])
        rows["format"][used] = 1
        self._write(answer, window, rows, used, owners)
        values = [
            _encode(Answer(at, classes, shares))
            for at, classes, shares in zip(offset[places].tolist(), top.tolist(), confidence.tolist(), strict=True)
        ]
        by_place = dict(zip(places.tolist(), values, strict=True))
        place = 0
        for tp, records in window.records.items():
            outputs = answer.partitions[tp].outputs[USER_PREDICTIONS.name]
            for _ in records:
                if place in by_place:
                    outputs.add(keys[place], by_place[place])
                place += 1
        answer.results["predicted"] += len(places)
        return answer

    @staticmethod
    def _write(answer: engine.Answer, window: Window, rows: np.ndarray, used: np.ndarray, owners: list) -> None:
        raw, size = rows.tobytes(), ROW.itemsize
        for number in used.tolist():
            tp, key = owners[number]
            answer.partitions[tp].rows[key] = raw[number * size : (number + 1) * size]


def _time_major(slot: np.ndarray, users: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Event order for a PackedSequence (steps, users with most events first), each event's step, batch sizes, user order."""
    by_user = np.argsort(slot, kind="stable")
    lengths = np.bincount(slot, minlength=users)
    starts = np.cumsum(lengths) - lengths
    step = np.empty(len(slot), np.int64)
    step[by_user] = np.arange(len(slot)) - starts[slot[by_user]]
    longest_first = np.argsort(-lengths, kind="stable")
    rank = np.empty(users, np.int64)
    rank[longest_first] = np.arange(users)
    order = np.lexsort((rank[slot], step))
    return order, step, np.bincount(step), longest_first


assert HIDDEN == ROW["h"].shape[0]
