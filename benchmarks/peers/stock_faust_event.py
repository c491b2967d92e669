"""Stock Faust, one event at a time, as its documentation teaches: an agent, a table in RocksDB, a topic.

    BENCH_BROKER=... BENCH_TOPICS=events,answers BENCH_FOLDER=... \\
        python -m benchmarks.peers.stock_faust_event worker --without-web

Settings are those that made it faster: a table of bytes (no JSON of 128 floats), MessagePack by msgspec, torch on one
thread, `stream_wait_empty=False`, a deep stream buffer. Nothing private is used.
"""

import faust
import numpy as np
import torch

from benchmarks.peers.stock_settings import app_and_topics
from benchmarks.reference_model import HALVES, TOP, Answer, Event, ReferenceModel

app, events, answers = app_and_topics("stock-faust-event")
state = app.Table("state", key_type=bytes, value_type=bytes, partitions=4)
model = ReferenceModel()
BLANK = bytes(HALVES.itemsize)


@app.agent(events)
async def predict(stream: faust.StreamT[Event]) -> None:
    """Read the user's state, step the model, keep the state, send the answer."""
    async for event in stream.events():
        key = event.message.key
        stored = np.frombuffer(state.get(key) or BLANK, HALVES)
        with torch.inference_mode():
            hidden = torch.from_numpy(stored["h"].astype(np.float32)), torch.from_numpy(stored["c"].astype(np.float32))
            confidence, h, c = model(torch.tensor([event.value.product_id]), *hidden)
            best = confidence[0].topk(TOP)
        row = np.empty(1, HALVES)
        row["h"], row["c"] = h.half().numpy(), c.half().numpy()
        state[key] = row.tobytes()
        answer = Answer(event.message.offset, best.indices.tolist(), best.values.tolist())
        await answers.send(key=key, value=answer)


if __name__ == "__main__":
    app.main()
