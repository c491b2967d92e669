"""`shelfstream data collect --topic`: a bounded read of real products from a real Kafka, and no record uncounted."""

import json
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from typer.testing import CliRunner

from models.data import grocery
from schemas.codec import encode
from schemas.events import ProductUpsert
from schemas.topics import PRODUCT_UPSERT
from streams.cli import data
from streams.cli.topic_products import read_to_end
from streams.errors import ClusterError

pytestmark = pytest.mark.integration

PRODUCTS = 300
PARTITIONS = 3


@pytest.fixture
def prefix(kafka: str) -> str:
    """Before the name of a topic of this test alone, with partitions of its own."""
    made = f"collect-{uuid.uuid4().hex[:8]}."
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics([NewTopic(made + PRODUCT_UPSERT.name, PARTITIONS, 1)])
    admin.close()
    return made


def send(servers: str, topic: str, values: list[tuple[bytes | None, bytes | None, int | None]], **more: Any) -> None:
    """(key, value, timestamp) of each record; in one transaction where a transactional_id is given."""
    producer = KafkaProducer(bootstrap_servers=servers, acks="all", **more)
    try:
        if "transactional_id" in more:
            producer.init_transactions()
            producer.begin_transaction()
        futures = [producer.send(topic, key=key, value=value, timestamp_ms=at) for key, value, at in values]
        producer.flush()
        for future in futures:
            future.get(timeout=30)
        if "transactional_id" in more:
            producer.commit_transaction()
    finally:
        producer.close()


def real_products(count: int, at: int | None = None) -> list[tuple[bytes, bytes, int | None]]:
    frame = grocery.products().head(count)
    rows = zip(frame["product_id"], frame["title"], frame["category"], strict=True)
    return [
        (id_.encode(), encode(ProductUpsert(product_id=id_, title=title, category_hint=hint, updated_at=5)), at)
        for id_, title, hint in rows
    ]


def collect(servers: str, prefix: str, output: Path, *more: str) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """What was counted, and the lines that were written."""
    place = ("--bootstrap-servers", servers, "--topic-prefix", prefix, "--output", str(output), "--json")
    done = CliRunner().invoke(data.app, ["collect", "--topic", PRODUCT_UPSERT.name, *place, *more])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), [json.loads(line) for line in output.read_text().splitlines()]


def test_the_last_version_of_each_product_is_collected_and_every_record_is_counted(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    sent = real_products(PRODUCTS)
    first, second = sent[0][0], sent[1][0]
    newer = encode(ProductUpsert(product_id=first.decode(), title="A new title", updated_at=6))
    more = [(first, newer, None), (second, None, None), (b"bad", b"{nonsense", None), (None, newer, None)]
    send(kafka, prefix + PRODUCT_UPSERT.name, [*sent, *more])
    counts, lines = collect(kafka, prefix, tmp_path / "p.jsonl", "--map", "category=category_hint")
    assert counts["read"] == PRODUCTS + 4
    assert counts["kept"] == len(lines) == PRODUCTS - 1
    titles = {line["product_id"]: line["title"] for line in lines}
    assert titles[first.decode()] == "A new title"
    assert second.decode() not in titles
    assert all(line["category"] for line in lines if line["title"] != "A new title")
    rejected = [json.loads(line) for line in (tmp_path / "p.rejected.jsonl").read_text().splitlines()]
    assert sorted(each["reason"].split(":")[0] for each in rejected) == [
        *("a newer version follows", "a newer version follows", "bad_key", "deleted", "undecodable")
    ]


def test_an_empty_topic_ends_at_once(kafka: str, prefix: str, tmp_path: Path) -> None:
    counts, lines = collect(kafka, prefix, tmp_path / "p.jsonl")
    assert (counts["read"], lines) == (0, [])


def test_the_read_ends_where_the_topic_ended_when_it_began_however_busy_it_is(kafka: str, prefix: str) -> None:
    topic = prefix + PRODUCT_UPSERT.name
    send(kafka, topic, list(real_products(PRODUCTS)))
    stop = threading.Event()

    def go_on() -> None:
        producer = KafkaProducer(bootstrap_servers=kafka)
        while not stop.is_set():
            producer.send(topic, key=b"later", value=b"later")
            time.sleep(0.001)
        producer.close()

    busy = threading.Thread(target=go_on)
    records = read_to_end(kafka, topic)
    seen = [next(records)]  # from here on the ends are known
    busy.start()
    try:
        time.sleep(0.5)
        seen += records
    finally:
        stop.set()
        busy.join()
    assert len(seen) == PRODUCTS
    assert {record.key for record in seen} == {key for key, _, _ in real_products(PRODUCTS)}


def test_limit_and_until_stop_earlier(kafka: str, prefix: str, tmp_path: Path) -> None:
    topic = prefix + PRODUCT_UPSERT.name
    early, late = 1_793_520_000_000, 1_793_606_400_000
    old, new = real_products(40, early), [(key, value, late) for key, value, _ in real_products(80)[40:]]
    send(kafka, topic, [*old, *new])
    counts, lines = collect(kafka, prefix, tmp_path / "a.jsonl", "--until", "2026-11-01T12:00:00Z")
    assert counts["read"] == 40
    assert {line["product_id"] for line in lines} == {key.decode() for key, _, _ in old}
    counts, _ = collect(kafka, prefix, tmp_path / "b.jsonl", "--limit", "7")
    assert counts["read"] == 7
    counts, _ = collect(kafka, prefix, tmp_path / "c.jsonl", "--until", str(early))
    assert counts["read"] == 0


def test_markers_of_transactions_at_the_end_do_not_hold_the_read_up(kafka: str, prefix: str) -> None:
    topic = prefix + PRODUCT_UPSERT.name
    send(kafka, topic, list(real_products(30)), transactional_id=f"{prefix}writer")
    began = time.monotonic()
    assert len(list(read_to_end(kafka, topic, patience_s=20))) == 30
    assert time.monotonic() - began < 20


def test_a_topic_that_is_not_there_is_named(kafka: str) -> None:
    with pytest.raises(ClusterError, match=r"has no topic no-such\.product-upsert"):
        list(read_to_end(kafka, "no-such.product-upsert"))
