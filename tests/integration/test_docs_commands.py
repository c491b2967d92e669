"""Every command that the README shows is run, in its order, on a real Kafka; so are the examples in other clients."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LIMIT_S = 150


def shown_commands() -> list[str]:
    """The lines of the README's sh blocks, without their remarks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.fixture
def environment(kafka: str, tmp_path: Path) -> dict[str, str]:
    """As a reader has it: shelfstream on the path, the cluster named, a folder of one's own."""
    return {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "SHELFSTREAM_NAME": "readme",
        "SHELFSTREAM_STATE_DIR": str(tmp_path / "state"),
        "SHELFSTREAM_WEB_PORT": "0",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of what the README's relative paths name."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    return tmp_path


@pytest.fixture
def background() -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Processes that must be gone when the test is."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.timeout(300)
def test_every_command_of_the_readme_and_both_examples_do_what_they_say(
    environment: dict[str, str], folder: Path, background: list["subprocess.Popen[bytes]"]
) -> None:
    commands, worker_log = shown_commands(), folder / "worker.log"
    worker_log.touch()
    assert "make test" in commands
    assert "shelfstream worker" in commands
    for command in commands:
        if command.startswith("export "):
            continue  # the address: here the test's own cluster
        if command == "shelfstream worker":
            with worker_log.open("wb") as log:
                background.append(
                    subprocess.Popen(command.split(), cwd=folder, env=environment, stdout=log, stderr=log)
                )
            continue
        line = command
        if command.startswith("make "):
            line = f"{command} --dry-run -C {ROOT}"  # that the targets exist is all that a test can ask
        done = subprocess.run(
            line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}\n{worker_log.read_text()[-2000:]}"
    users = [json.loads(line) for line in (folder / "users.out.jsonl").read_text().splitlines()]
    assert [user["user_id"] for user in users] == ["u-1", "u-1", "u-2"]
    _examples_talk_to_each_other(environment, folder)


def _examples_talk_to_each_other(environment: dict[str, str], folder: Path) -> None:
    servers = environment["KAFKA_BOOTSTRAP_SERVERS"]
    run = {"cwd": folder, "env": environment, "timeout": LIMIT_S}
    subprocess.run([sys.executable, "docs/examples/producer.py", servers], check=True, **run)  # type: ignore[call-overload]
    # 3 products and 3 events of the README, 1 and 2 of the producer: two outputs a product, one an event
    began = time.monotonic()
    heard = subprocess.run(
        [sys.executable, "docs/examples/consumer.py", servers, "13"], capture_output=True, text=True, check=True, **run
    )  # type: ignore[call-overload]
    lines = heard.stdout.splitlines()
    assert len(lines) == 13, f"{time.monotonic() - began:.0f} s: {heard.stdout}{heard.stderr}"
    assert sum("Navy Blue" in line and line.startswith("product-attributes") for line in lines) == 2
