"""The commands a person types first: topics, send, tail, kafka; each as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from schemas.topics import TOPICS
from tests import programs

pytestmark = pytest.mark.integration

COMMAND = [sys.executable, "-c", "import sys; from streams.cli.main import main; main()"]
EVENTS = [
    {"event_id": "e1", "user_id": "ana", "type": "view", "product_id": "p1", "occurred_at": "2026-01-01T00:00:00Z"},
    {"event_id": "e2", "user_id": "bo", "type": "purchase", "product_id": "p2", "occurred_at": 1767225600000},
]


def environment(servers: str | None = None) -> dict[str, str]:
    variables = {name: value for name, value in os.environ.items() if name != "KAFKA_BOOTSTRAP_SERVERS"}
    variables["PYTHONPATH"] = str(Path(__file__).parents[2])
    return variables | ({"KAFKA_BOOTSTRAP_SERVERS": servers} if servers else {})


def shelfstream(
    *arguments: str, servers: str | None = None, cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    return programs.shelfstream(*arguments, folder=cwd or Path.cwd(), environment=environment(servers))


@pytest.fixture
def prefix() -> str:
    """Before every topic name of one test, so that tests share a cluster without meeting."""
    return f"cli-{uuid.uuid4().hex[:8]}."


def test_topics_are_made_once_and_verified(kafka: str, prefix: str) -> None:
    missing = shelfstream("topics", "verify", "--topic-prefix", prefix, servers=kafka)
    assert missing.returncode == 1
    assert missing.stdout.count("missing") >= len(TOPICS)
    assert shelfstream("topics", "create", "--topic-prefix", prefix, servers=kafka).returncode == 0
    again = shelfstream("topics", "create", "--topic-prefix", prefix, servers=kafka)
    assert again.returncode == 0
    assert f"{len(TOPICS)} were there already" in again.stdout
    assert shelfstream("topics", "verify", "--topic-prefix", prefix, servers=kafka).returncode == 0


def test_verify_shows_each_difference_and_exits_1(kafka: str, prefix: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics([NewTopic(f"{prefix}user-behaviour", 3, 1, topic_configs={"cleanup.policy": "compact"})])
    admin.close()
    done = shelfstream("topics", "create", "--topic-prefix", prefix, servers=kafka)
    assert done.returncode == 1
    shown = [line.split() for line in done.stdout.splitlines() if line.strip().startswith(prefix)]
    assert ["partitions", "4", "3"] in [line[1:] for line in shown]
    assert ["cleanup.policy", "delete", "compact"] in [line[1:] for line in shown]


def test_what_is_sent_is_tailed_and_a_deletion_is_seen(kafka: str, prefix: str, tmp_path: Path) -> None:
    shelfstream("topics", "create", "--topic-prefix", prefix, servers=kafka)
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(json.dumps(event) for event in EVENTS) + "\n")
    target = ("user-behaviour", "--topic-prefix", prefix)
    sent = shelfstream("send", *target, "--input", str(file), "--delete", "ana", servers=kafka)
    assert sent.returncode == 0, sent.stderr
    assert sent.stdout == f"sent 3 records to {prefix}user-behaviour\n"
    tailed = shelfstream("tail", *target, "--from-beginning", "--max", "3", "--json", servers=kafka)
    records = [json.loads(line) for line in tailed.stdout.splitlines()]
    of_ana = [record["value"] for record in records if record["key"] == "ana"]
    assert of_ana == [EVENTS[0] | {"occurred_at": 1767225600000}, None]
    assert [record["value"] for record in records if record["key"] == "bo"] == [EVENTS[1]]


def test_json_and_messagepack_read_the_same(kafka: str, prefix: str, tmp_path: Path) -> None:
    shelfstream("topics", "create", "--topic-prefix", prefix, servers=kafka)
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(EVENTS[1]))
    target = ("user-behaviour", "--topic-prefix", prefix)
    for flags in ((), ("--json",)):
        assert shelfstream("send", *target, "--input", str(file), *flags, servers=kafka).returncode == 0
    tailed = shelfstream("tail", *target, "--from-beginning", "--max", "2", "--json", servers=kafka)
    first, second = (json.loads(line)["value"] for line in tailed.stdout.splitlines())
    assert first == second == EVENTS[1]


def test_one_wrong_line_sends_nothing_and_is_named_by_its_number(kafka: str, prefix: str, tmp_path: Path) -> None:
    shelfstream("topics", "create", "--topic-prefix", prefix, servers=kafka)
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(EVENTS[0]) + "\n\n" + json.dumps(EVENTS[1] | {"type": "steal"}) + "\nnonsense\n")
    target = ("user-behaviour", "--topic-prefix", prefix)
    sent = shelfstream("send", *target, "--input", str(file), servers=kafka)
    assert sent.returncode == 1
    assert [line.split(":")[0] for line in sent.stderr.splitlines()[:2]] == ["line 3", "line 4"]
    tailed = shelfstream("tail", *target, "--from-beginning", "--timeout", "1", servers=kafka)
    assert (tailed.returncode, tailed.stdout) == (0, "")


def test_a_cluster_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    done = shelfstream("topics", "list", servers="127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("shelfstream: the Kafka at 127.0.0.1:1 does not answer")
    assert "Traceback" not in done.stderr


def test_wrong_usage_exits_2(kafka: str) -> None:
    assert shelfstream("send", "no-such-topic", "--input", "-", servers=kafka).returncode == 2
    assert shelfstream("tail", servers=kafka).returncode == 2
    assert shelfstream("topics", "verify", "--config", "missing.toml", servers=kafka).returncode == 2


def test_a_named_cluster_is_used_instead_of_starting_one(kafka: str, tmp_path: Path) -> None:
    done = shelfstream("kafka", "start", servers=kafka, cwd=tmp_path)
    assert done.returncode == 0
    assert kafka in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert shelfstream("kafka", "status", servers=kafka).returncode == 0


def test_detached_it_outlives_its_command_and_in_the_foreground_it_ends_with_it(tmp_path: Path) -> None:
    started = shelfstream("kafka", "start", "--detach", cwd=tmp_path)
    assert started.returncode == 0, started.stderr
    try:
        assert shelfstream("kafka", "status", cwd=tmp_path).returncode == 0
        assert shelfstream("topics", "create", cwd=tmp_path).returncode == 0
        assert "runs in .shelfstream/kafka already" in shelfstream("kafka", "start", cwd=tmp_path).stdout
    finally:
        stopped = shelfstream("kafka", "stop", cwd=tmp_path)
    assert stopped.returncode == 0
    assert shelfstream("kafka", "status", cwd=tmp_path).returncode == 1

    command = subprocess.Popen(
        [*COMMAND, "kafka", "start"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environment()
    )
    assert command.stdout is not None
    assert command.stdout.readline() == started.stdout.encode()  # the same address as before
    assert shelfstream("topics", "verify", cwd=tmp_path).returncode == 0
    command.send_signal(signal.SIGTERM)
    _, said = command.communicate(timeout=20)
    assert command.returncode == 0, said
    assert shelfstream("kafka", "status", cwd=tmp_path).returncode == 1
