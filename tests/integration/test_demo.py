"""`shelfstream demo` as a person runs it: a process with a Kafka and a worker of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from models.data.takeovers import KINDS
from streams.demo.purchases import load_year
from streams.demo.takeovers import EVERY, take_over

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
ROOT = Path(__file__).parents[2]
END_SECONDS = 60  # of a demo that was told to stop: the last answers, then worker and Kafka end one after the other
ANSWERING = "live: products [1-9]"


def start_demo(tmp_path: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """A demo with temporary folders under `tmp_path`, so that what it leaves there can be seen."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), **variables}
    if "KAFKA_BOOTSTRAP_SERVERS" not in variables:
        environment.pop("KAFKA_BOOTSTRAP_SERVERS", None)
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli.main", "demo", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def family(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """The demo and everything that it started so far."""
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


def wait_for_line(process: "subprocess.Popen[str]", pattern: str) -> None:
    """Read standard error until a line has it."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        if re.search(pattern, line):
            return
        lines.append(line)
    pytest.fail(f"the demo ended before it said {pattern!r}: {''.join(lines)}")


def assert_nothing_is_left(started: list[psutil.Process], tmp_path: Path) -> None:
    _, alive = psutil.wait_procs(started, timeout=10)
    assert [process.cmdline() for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    assert list(tmp_path.glob("shelfstream-demo-*")) == []


def assert_takeovers_are_told(risk: dict[str, Any], sent: int) -> None:
    """Every event that was sent counts as what it was; the first takeover, once it is over, has raised an alarm."""
    assert risk["unseen"] is True
    kind_of = take_over(load_year()).takeover
    taken, kinds = risk["takeovers"], risk["takeovers"]["kinds"]
    for number, kind in enumerate(KINDS):
        assert kinds[kind]["events"] == np.count_nonzero(kind_of[:sent] == number)
        assert 0 <= kinds[kind]["with_alarm"] <= kinds[kind]["begun"] <= kinds[kind]["events"]
        assert kinds[kind]["with_alarm"] <= kinds[kind]["events_with_alarm"] <= kinds[kind]["events"]
    for name in ("begun", "with_alarm", "events", "events_with_alarm"):
        assert taken[name] == sum(kinds[kind][name] for kind in KINDS)
    assert taken["events"] + risk["ordinary"]["events"] == sent
    assert risk["ordinary"]["false_alarms"] < 0.01 * risk["ordinary"]["events"]
    first = np.flatnonzero(kind_of == KINDS.index("open"))
    last = int(first[np.argmax(np.diff(first) > EVERY)])  # of the first one: the next is other households later
    assert kinds["open"]["begun"] >= 1
    assert kinds["open"]["with_alarm"] >= (last < sent)
    if newest := risk["newest_alarm"]:
        assert newest["user_id"].startswith("household-")
        assert 0 < newest["score"] <= 1
        assert 1 <= len(newest["reasons"]) <= 2


def test_a_short_run_answers_every_event_and_says_how_well(tmp_path: Path) -> None:
    demo = start_demo(tmp_path, "--seconds", "5", "--json")
    out, err = demo.communicate()
    assert demo.returncode == 0, err
    facts = json.loads(out)  # one JSON object and nothing else
    counts = facts["counts"]
    assert counts["product-upsert"] == counts["product-attributes"] == counts["product-categories"] > 500
    assert counts["user-behaviour"] == counts["user-predictions"] > 500
    assert counts["dead-letters"] == 0
    assert facts["ok"] is True
    assert 0 < facts["latency"]["behaviour"]["p50_ms"] <= facts["latency"]["behaviour"]["p99_ms"]
    quality = {row["task"]: row for row in facts["quality"]}
    assert quality["electronics category"]["n"] >= 50
    assert quality["electronics category"]["value"] > 0.8
    assert quality["grocery category"]["value"] > 0.5
    assert quality["next category of the household"]["n"] > 20
    assert 0 < quality["next category of the household"]["baseline"] < 1
    assert set(facts["models"]) == {"products", "behaviour"}
    assert_takeovers_are_told(facts["risk"], counts["user-predictions"])
    assert list(tmp_path.glob("shelfstream-demo-*")) == []


def test_a_named_kafka_is_used_and_its_topics_are_removed_again(tmp_path: Path, kafka: str) -> None:
    from kafka import KafkaAdminClient

    demo = start_demo(tmp_path, "--seconds", "3", "--rate", "0", "--json", KAFKA_BOOTSTRAP_SERVERS=kafka)
    out, err = demo.communicate()
    assert demo.returncode == 0, err
    assert json.loads(out)["versions"]["kafka"] == "your Kafka"
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        deadline = time.monotonic() + 20  # removal is confirmed before every broker has done it
        while left := [name for name in admin.list_topics() if name.startswith("demo-")]:
            assert time.monotonic() < deadline, left
            time.sleep(0.2)
    finally:
        admin.close()


@pytest.mark.parametrize(
    ("moment", "exit_code"),
    [("starting Kafka", 130), ("starting the worker", 130), (ANSWERING, 0)],
    ids=["kafka", "worker", "live"],
)
def test_ctrl_c_leaves_no_process_and_no_folder_behind(tmp_path: Path, moment: str, exit_code: int) -> None:
    demo = start_demo(tmp_path, "--json")
    wait_for_line(demo, moment)
    time.sleep(2)  # in the middle of what was announced
    started = family(demo)
    demo.send_signal(signal.SIGINT)
    _, err = demo.communicate(timeout=END_SECONDS)
    assert demo.returncode == exit_code, err
    assert_nothing_is_left(started, tmp_path)


def test_a_killed_demo_takes_kafka_and_worker_with_it(tmp_path: Path) -> None:
    demo = start_demo(tmp_path, "--json")
    wait_for_line(demo, ANSWERING)
    started = family(demo)
    demo.kill()
    demo.communicate(timeout=END_SECONDS)
    _, alive = psutil.wait_procs(started, timeout=END_SECONDS)
    assert [process.cmdline() for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
