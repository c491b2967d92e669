"""What both stock Faust workers share: the app with its settings, the two topics, and MessagePack as a Faust codec."""

import os
from typing import Any

import faust
import msgspec
import torch
from faust.serializers import codecs
from faust.transport.producer import ProducerBuffer

from benchmarks.reference_model import PARTITIONS, Answer, Event

torch.set_num_threads(1)


class _Packed(codecs.Codec):
    """Faust's documented way to a codec of one's own."""

    def __init__(self, message: type[msgspec.Struct], **kwargs: Any) -> None:
        super().__init__(message=message, **kwargs)
        self._decode = msgspec.msgpack.Decoder(message).decode
        self._encode = msgspec.msgpack.Encoder().encode

    def _loads(self, value: bytes) -> Any:
        return self._decode(value)

    def _dumps(self, message: Any) -> bytes:
        return self._encode(message)


ProducerBuffer.max_messages = 10_000  # of changelog messages: with 100, all of Faust waits for a flush every few events

codecs.register("event-msgpack", _Packed(Event))
codecs.register("answer-msgpack", _Packed(Answer))


def app_and_topics(name: str) -> tuple[faust.App, Any, Any]:
    """The app, the events topic and the answers topic, from BENCH_BROKER, BENCH_TOPICS and BENCH_FOLDER."""
    source, target = os.environ["BENCH_TOPICS"].split(",")
    app = faust.App(
        f"{name}-{source}",
        broker=f"kafka://{os.environ['BENCH_BROKER']}",
        store="rocksdb://?driver=rocksdict",
        datadir=os.environ["BENCH_FOLDER"],
        key_serializer="raw",
        value_serializer="raw",
        stream_wait_empty=False,
        stream_buffer_maxsize=16_384,
        broker_max_poll_records=4_096,
        producer_linger_ms=5,
        topic_disable_leader=True,
        topic_replication_factor=1,
        topic_partitions=PARTITIONS,
        consumer_auto_offset_reset="earliest",
    )
    events = app.topic(source, key_serializer="raw", value_serializer="event-msgpack", partitions=PARTITIONS)
    answers = app.topic(target, key_serializer="raw", value_serializer="answer-msgpack", partitions=PARTITIONS)
    return app, events, answers
