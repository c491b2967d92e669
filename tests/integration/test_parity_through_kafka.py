"""`shelfstream evaluate behaviour --through-kafka` as a person runs it, and that it notices what is not the same."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from models.evaluate.parity import OFFLINE
from tests.programs import shelfstream

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]


def evaluate(kafka: str, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Two households through the shared broker."""
    command = ("evaluate", "behaviour", "--through-kafka", "--households", "2", "--no-progress", "--json")
    given = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": kafka, **variables}
    return shelfstream(*command, *arguments, folder=ROOT, environment=given, timeout_s=280)


def test_the_stream_has_the_figures_of_the_evaluation_and_leaves_no_topics(kafka: str) -> None:
    from kafka import KafkaAdminClient

    # Small windows, so that households are cut into many of them.
    done = evaluate(kafka, SHELFSTREAM_BATCH_MAX_EVENTS="64", SHELFSTREAM_DEVICE="cpu")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["ok"] is True
    assert found["events"] > 100
    for row in found["figures"]:
        assert abs(row["value"] - row["baselines"][OFFLINE]) <= 1e-4
    assert {row["task"] for row in found["figures"]} >= {"next category", "next product", "basket within 7 days"}
    parity = found["parity"]
    assert parity["largest difference of a confidence"] < 2e-5
    assert parity["share of equal top-10 categories"] > 0.99
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        assert [name for name in admin.list_topics() if name.startswith("parity-")] == []
    finally:
        admin.close()


def test_a_difference_above_the_tolerance_is_an_exit_code(kafka: str) -> None:
    done = evaluate(kafka, "--tolerance", "0", SHELFSTREAM_DEVICE="cpu")  # the stream rounds to six digits
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["ok"] is False
    assert "offline and online differ by more than 0" in done.stderr
