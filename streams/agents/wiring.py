"""Connects one agent: its topic's runs to its pipeline, its pipeline to its table."""

from collections.abc import AsyncIterable
from typing import Any

import faust
from faust.types import EventT

from streams.batcher.pipeline import Pipeline, Wiring
from streams.config import BatchSettings
from streams.logic.answer import Logic
from streams.transport.runs import run_of


def connect(
    app: faust.App, source: str, partitions: int, logic: Logic, batch: BatchSettings, wiring: Wiring
) -> Pipeline:
    """Register a Faust agent on `source` whose events go through the pipeline that this returns."""
    pipeline = Pipeline(logic, batch, wiring)
    topic = app.topic(
        source, partitions=partitions, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    async def consume(stream: AsyncIterable[Any]) -> None:
        # Not acknowledged here: the committer tells the consumer how far each partition is answered.
        events: AsyncIterable[EventT[Any]] = stream.noack().events()  # type: ignore[attr-defined]
        async for event in events:
            if event.message.generation_id == app.consumer_generation_id:
                pipeline.offer(run_of(event.message))

    consume.__name__ = consume.__qualname__ = logic.name  # what Faust's logs call the agent
    app.agent(topic, name=logic.name, concurrency=1)(consume)
    return pipeline
