"""Stock Faust with `take`: up to 1,024 events at once, one step of the model for all users that are different.

    BENCH_BROKER=... BENCH_TOPICS=events,answers BENCH_FOLDER=... \\
        python -m benchmarks.peers.stock_faust_batched worker --without-web

As good as we could make it within Faust's own interfaces. What had to be worked around:
- Under `take` there is no current event, and a table cannot be read from its partition or written without one: the
  private context variable `faust.streams._current_event` is set by hand around every access.
- There is no multi-get and no bulk write: one call of the table for each user.
- Several events of one user in a batch are stepped in rounds, so that each sees the state after the one before.
"""

import weakref
from collections import defaultdict
from typing import Any

import faust
import numpy as np
import torch
from faust.streams import _current_event

from benchmarks.peers.stock_settings import app_and_topics
from benchmarks.reference_model import HALVES, TOP, Answer, Event, ReferenceModel

MOST_EVENTS = 1_024  # more did not help: the time goes per event, not per batch
WITHIN_SECONDS = 0.05

app, events, answers = app_and_topics("stock-faust-batched")
state = app.Table("state", key_type=bytes, value_type=bytes, partitions=4)
model = ReferenceModel()
BLANK = bytes(HALVES.itemsize)


@app.agent(events)
async def predict(stream: faust.StreamT[Event]) -> None:
    """Read the states of the batch, step the model in rounds, keep the states, send the answers in order."""
    async for batch in stream.take_events(MOST_EVENTS, within=WITHIN_SECONDS):
        places: dict[bytes, list[int]] = defaultdict(list)
        for place, event in enumerate(batch):
            places[event.message.key].append(place)
        rows = np.frombuffer(b"".join(_read(batch[at[0]], key) for key, at in places.items()), HALVES).copy()
        classes, confidences = _step_in_rounds(batch, list(places.values()), rows)
        for (key, at), row in zip(places.items(), rows, strict=True):
            _current_event.set(weakref.ref(batch[at[-1]]))
            state[key] = row.tobytes()
        for event, best, confidence in zip(batch, classes.tolist(), confidences.tolist(), strict=True):
            await answers.send(key=event.message.key, value=Answer(event.message.offset, best, confidence))


def _read(event: Any, key: bytes) -> bytes:
    _current_event.set(weakref.ref(event))
    stored: bytes = state.get(key) or BLANK
    return stored


@torch.inference_mode()
def _step_in_rounds(batch: list[Any], places: list[list[int]], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shapes: n events of u users, rows (u,), changed in place -> classes (n, 5) int64, confidences (n, 5) float32."""
    classes, confidences = np.empty((len(batch), TOP), np.int64), np.empty((len(batch), TOP), np.float32)
    h, c = torch.from_numpy(rows["h"].astype(np.float32)), torch.from_numpy(rows["c"].astype(np.float32))
    for number in range(max(map(len, places))):
        users = [user for user, at in enumerate(places) if len(at) > number]
        at = [places[user][number] for user in users]
        tokens = torch.tensor([batch[place].value.product_id for place in at])
        confidence, h[users], c[users] = model(tokens, h[users], c[users])
        best = confidence.topk(TOP)
        classes[at], confidences[at] = best.indices.numpy(), best.values.numpy()
    rows["h"], rows["c"] = h.half().numpy(), c.half().numpy()
    return classes, confidences


if __name__ == "__main__":
    app.main()
