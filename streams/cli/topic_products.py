"""The products that a topic holds now, as rows: read to where it ended when the reading began, then no further."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from schemas.codec import Codec, decode_key
from schemas.errors import DecodeError
from schemas.topics import TOPICS, TopicSpec
from streams.cli.cluster import translated
from streams.cli.records import Record
from streams.cli.tail import open_consumer
from streams.errors import ClusterError

Row = dict[str, Any] | str  # a product's fields, or why the record is none
PRODUCT_TOPICS = tuple(
    spec for spec in TOPICS if spec.value and {"product_id", "title"} <= {*spec.value.__struct_fields__}
)
POLL_MS = 500
PATIENCE_S = 30.0  # without any progress towards the end


def read_to_end(
    servers: str,
    name: str,
    *,
    limit: int | None = None,
    until_ms: int | None = None,
    patience_s: float = PATIENCE_S,
) -> Iterator[Record]:
    """Every committed record of a topic from the oldest on, up to the end offsets of this moment.

    `limit` ends after so many records, `until_ms` before the first record of each partition whose timestamp is at or
    after it. What is written meanwhile is not read, so the reading ends however busy the topic is. Records of one
    partition come in order. Errors: ClusterError when the topic is missing, or nothing comes for `patience_s`.
    """
    with translated(servers):
        consumer = open_consumer(servers, name, from_beginning=True)
        try:
            places = list(consumer.assignment())
            ends: dict[Any, int] = consumer.end_offsets(places)
            if until_ms is not None:
                for place, found in consumer.offsets_for_times(dict.fromkeys(places, until_ms)).items():
                    if found is not None:
                        ends[place] = min(ends[place], found.offset)
            for place, offset in consumer.beginning_offsets(places).items():
                consumer.seek(place, min(offset, ends[place]))
            count, reached, moved = 0, -1, time.monotonic()
            while limit is None or count < limit:
                # By position, not by the last record: markers of transactions and compaction leave offsets without one.
                at = {place: consumer.position(place) for place in places}
                left = [place for place in places if at[place] < ends[place]]
                if not left:
                    return
                consumer.pause(*(set(places) - set(left)))
                if sum(at.values()) > reached:
                    reached, moved = sum(at.values()), time.monotonic()
                elif time.monotonic() - moved > patience_s:
                    shown = ", ".join(f"{each.partition} at {at[each]} of {ends[each]}" for each in left)
                    raise ClusterError(f"{name} at {servers} gave nothing for {patience_s:.0f} s; partitions {shown}")
                for place, records in consumer.poll(timeout_ms=POLL_MS).items():
                    for record in records:
                        if record.offset < ends[place] and (limit is None or count < limit):
                            count += 1
                            yield record
        finally:
            consumer.close()


def products(records: Iterable[Record], spec: TopicSpec) -> list[tuple[str, Row]]:
    """(place, row) of every record: the fields of the last version of each product, for all others why they are none.

    Reasons: a newer version follows, deleted, and what the codec says of a record that cannot be read.
    """
    assert spec.value is not None
    codec: Codec[Any] = Codec(spec.value)
    rows: list[tuple[str, Row]] = []
    newest: dict[str, int] = {}  # product -> its row
    for record in records:
        place = f"{record.topic}:{record.partition}:{record.offset}"
        try:
            key = decode_key(record.key)
            message = None if record.value is None else codec.decode(record.value)
        except DecodeError as error:
            rows.append((place, f"{error.reason}: {error}"))
            continue
        if key in newest:
            rows[newest[key]] = (rows[newest[key]][0], "a newer version follows")
        if message is None:
            newest.pop(key, None)
            rows.append((place, "deleted"))
            continue
        newest[key] = len(rows)
        rows.append((place, msgspec.structs.asdict(message)))
    return rows
