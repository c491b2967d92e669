"""Stock Faust, one event at a time, as its documentation teaches: an agent, a table in RocksDB, a topic.

    BENCH_BROKER=... BENCH_TOPICS=events,answers BENCH_FOLDER=... BENCH_WEIGHTS=... \\
        python -m benchmarks.peers.stock_faust_event worker --without-web

Settings are those that made it faster: a table of bytes (no JSON of 128 floats), MessagePack by msgspec, the model in
numpy, which for one event is ten times as fast as torch, `stream_wait_empty=False`, a deep stream buffer. Nothing
private is used.
"""

import faust

from benchmarks.peers.model import Model
from benchmarks.peers.stock_settings import app_and_topics
from benchmarks.reference_events import Answer, Event

app, events, answers = app_and_topics("stock-faust-event")
state = app.Table("state", key_type=bytes, value_type=bytes, partitions=4)
model = Model()


@app.agent(events)
async def predict(stream: faust.StreamT[Event]) -> None:
    """Read the user's state, step the model, keep the state, send the answer."""
    async for event in stream.events():
        key = event.message.key
        classes, confidences, state[key] = model.one(event.value.product_id, state.get(key))
        answer = Answer(event.message.offset, classes, confidences)
        await answers.send(key=key, value=answer)


if __name__ == "__main__":
    app.main()
