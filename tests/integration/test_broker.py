"""The broker of a folder, from outside: started, found, stopped, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from streams import broker
from streams.broker.errors import BrokerRefused
from streams.broker.properties import MAX_RECORD_BYTES, free_ports
from streams.broker.state import is_locked, process_started

pytestmark = pytest.mark.integration

HOLD = "import sys, time; from pathlib import Path; from streams import broker\n" \
    "running = broker.start(Path(sys.argv[1]), show_progress=False); print(running.bootstrap_servers, flush=True)\n" \
    "time.sleep(120)\n"  # fmt: skip


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[broker.Broker]:
    """One broker for the tests of this file; the last one ends it."""
    with broker.start(tmp_path_factory.mktemp("shared"), show_progress=False) as running:
        yield running


def within(seconds: float, what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def make_topic(servers: str, name: str, config: dict[str, str] | None = None) -> None:
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic(name, 1, 1, topic_configs=config)])
    admin.close()


def test_a_second_start_finds_the_first_broker_and_leaves_it_running(shared: broker.Broker) -> None:
    with broker.start(shared.data) as second:
        assert second.bootstrap_servers == shared.bootstrap_servers
        assert not second.started_here
    found = broker.find(shared.data)
    assert found is not None
    assert found.state == shared.state


def test_a_running_broker_is_not_moved_to_another_port(shared: broker.Broker) -> None:
    with pytest.raises(BrokerRefused, match=str(shared.state.port)):
        broker.start(shared.data, port=free_ports(1)[0])


def test_a_record_of_16_mib_goes_in_and_comes_out(shared: broker.Broker) -> None:
    value = os.urandom(MAX_RECORD_BYTES)
    make_topic(shared.bootstrap_servers, "big", {"max.message.bytes": str(MAX_RECORD_BYTES + 65_536)})
    producer = KafkaProducer(bootstrap_servers=shared.bootstrap_servers, max_request_size=2 * MAX_RECORD_BYTES)
    producer.send("big", value).get(timeout=60)
    producer.close()
    consumer = KafkaConsumer(
        bootstrap_servers=shared.bootstrap_servers,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=2 * MAX_RECORD_BYTES,
        consumer_timeout_ms=60_000,
    )
    consumer.assign([TopicPartition("big", 0)])
    assert next(consumer).value == value
    consumer.close()


def test_a_killed_parent_leaves_no_broker_behind_and_the_folder_starts_again(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    servers = holder.stdout.readline().strip()
    found = broker.find(tmp_path)
    assert found is not None
    assert found.bootstrap_servers == servers
    make_topic(servers, "kept")
    holder.kill()
    holder.communicate()
    # Not waiting for the end of the old one: a start at this moment must do so itself.
    with broker.start(tmp_path, show_progress=False) as again:
        assert again.started_here
        assert process_started(found.state.pid) != found.state.started
        assert again.bootstrap_servers == servers
        admin = KafkaAdminClient(bootstrap_servers=servers)
        assert "kept" in admin.list_topics()
        admin.close()
    assert within(5, lambda: not is_locked(tmp_path))


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(BrokerRefused, match=r"(?i)heap"):
        broker.start(tmp_path, memory_mb=1, show_progress=False)
    assert not is_locked(tmp_path)


def test_a_killed_supervisor_takes_java_with_it(shared: broker.Broker) -> None:
    os.kill(shared.state.pid, signal.SIGKILL)
    shared.wait()
    assert within(15, lambda: not is_locked(shared.data))
    assert broker.find(shared.data) is None
