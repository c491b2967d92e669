"""shelfstream's engine on the reference job: its transport, window, state, order of effects and metrics, with the small model.

    BENCH_BROKER=... BENCH_TOPICS=events,answers BENCH_FOLDER=... python -m benchmarks.peers.shelfstream_reference

Only the logic differs from the shipped worker: the same decoding and key check, then one packed step of the reference LSTM.
"""

import os
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch.nn.utils.rnn import PackedSequence

from benchmarks.reference_model import PARTITIONS, ROW, TOP, Answer, Event, ReferenceModel, changelog
from models.behaviour.schedule import schedule
from schemas.state import ROW_FORMAT, model_key
from schemas.topics import TopicSpec
from streams.app import WorkerBuilder
from streams.batcher.window import Window
from streams.clock import Clock
from streams.config import load_settings
from streams.device import choose_device
from streams.logic.answer import Answer as WindowAnswer
from streams.logic.answer import ReadRows
from streams.logic.decode import Decoded, WindowDecoder
from streams.run import run_worker

BLANK = bytes(ROW.itemsize)


class ReferenceLogic:
    """One answer for each event; several events of one user in a window are a sequence, in offset order."""

    name = "reference"
    model_name, model_version = "reference", "1"

    def __init__(self, target: str, clock: Clock) -> None:
        self._target = target
        self._model = ReferenceModel()
        self._decoder = WindowDecoder(Event, lambda event: event.user_id, clock)
        self._encode = msgspec.msgpack.Encoder().encode
        self._model_key = model_key(self.model_name, self.model_version)

    def answer(self, window: Window, read: ReadRows) -> WindowAnswer:
        """See `Logic.answer`."""
        answer = WindowAnswer()
        decoded = [item for item in self._decoder.decode(window, answer) if item.event is not None]
        if decoded:
            self._step(decoded, read, answer)
        return answer

    def _step(self, decoded: list[Decoded[Event]], read: ReadRows, answer: WindowAnswer) -> None:
        keys, slots, stored = _read_users(decoded, read)
        rows = np.frombuffer(b"".join([row or BLANK for row in stored]), ROW).copy()  # (u,)
        offsets = np.array([item.record.offset for item in decoded], np.int64)
        known = np.array([row is not None for row in stored])
        fresh = ~known[slots] | (offsets > rows["offset"][slots])  # what is not past the row's offset is counted there
        if not fresh.all():
            decoded = [item for item, new in zip(decoded, fresh.tolist(), strict=True) if new]
            slots, offsets = slots[fresh], offsets[fresh]
            answer.results["redelivered"] += int((~fresh).sum())
        if not decoded:
            return
        classes, confidences = self._infer(decoded, slots, rows)
        rows["format"], rows["model"] = ROW_FORMAT, self._model_key
        rows["offset"][slots] = offsets  # numpy keeps the last of repeated slots
        raw, size = rows.tobytes(), ROW.itemsize
        for slot in np.unique(slots).tolist():
            tp, key = keys[slot]
            answer.partitions[tp].rows[key] = raw[slot * size : (slot + 1) * size]
        encode, target = self._encode, self._target
        for tp, group in groupby(zip(decoded, classes, confidences, strict=True), lambda item: item[0].tp):
            outputs = answer.partitions[tp].outputs[target]
            for item, best, confidence in group:
                outputs.add(item.key, encode(Answer(item.record.offset, best, confidence)))
        answer.results["predicted"] += len(decoded)

    @torch.inference_mode()
    def _infer(
        self, decoded: Sequence[Decoded[Event]], slots: np.ndarray, rows: np.ndarray
    ) -> tuple[list[list[int]], list[list[float]]]:
        """Shapes: n events, slots (n,), rows (u,), changed in place -> classes and confidences (n, 5), in event order."""
        model, steps = self._model, schedule(slots)
        tokens = np.array([item.event.product_id for item in decoded if item.event is not None], np.int64)
        inputs = model.embedding(torch.from_numpy(tokens[steps.order]))  # (n, 32)
        mine = rows[steps.users]
        before = [torch.from_numpy(mine[name].astype(np.float32))[None] for name in ("h", "c")]  # (1, r, 64)
        packed = PackedSequence(inputs, torch.from_numpy(steps.widths))
        out, (h, c) = model.lstm(packed, (before[0], before[1]))
        best = torch.softmax(model.head(out.data), -1).topk(TOP, -1)
        mine["h"], mine["c"] = h[0].half().numpy(), c[0].half().numpy()
        rows[steps.users] = mine
        place = torch.from_numpy(steps.place())
        return best.indices[place].tolist(), best.values[place].tolist()


def _read_users(
    decoded: Sequence[Decoded[Event]], read: ReadRows
) -> tuple[list[tuple[object, bytes]], np.ndarray, list[bytes | None]]:
    """(partition, key) of each slot, slot (n,) of each event, and the stored rows by slot."""
    keys: list[tuple[object, bytes]] = []
    slots = np.empty(len(decoded), np.int64)
    stored: list[bytes | None] = []
    number = 0
    for tp, group in groupby(decoded, lambda item: item.tp):
        places: dict[bytes, int] = {}
        base = len(keys)
        for item in group:
            slots[number] = base + places.setdefault(item.key, len(places))
            number += 1
        keys += [(tp, key) for key in places]
        stored += read(tp.partition, list(places))
    return keys, slots, stored


def main() -> int:
    """Build the worker from the environment and run it until SIGTERM."""
    source, target = os.environ["BENCH_TOPICS"].split(",")
    settings = load_settings(
        overrides={
            "name": source,
            "kafka.bootstrap_servers": os.environ["BENCH_BROKER"],
            "topics.partitions": PARTITIONS,
            "state.dir": Path(os.environ["BENCH_FOLDER"]) / "state",
            "web.port": 0,
        }
    )
    device = choose_device("cpu", settings.models.threads)
    builder = WorkerBuilder(settings)
    events = TopicSpec(source, "user_id", Event, "events of the reference job", "delete")
    state = TopicSpec(changelog(source), "user_id", None, "state of the reference job", "compact")
    rows = builder.table(state, shared=False)
    builder.agent(events, state, rows, ReferenceLogic(target, builder.clock), device)
    return run_worker(builder.build(), settings)


if __name__ == "__main__":
    sys.exit(main())
