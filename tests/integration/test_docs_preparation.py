"""Every command that docs/preparation.md shows is run, in its order; the one for topics on a real Kafka."""

import json
import os
import re
import shlex
from pathlib import Path

import pyarrow.parquet
import pytest

from tests.programs import shelfstream

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


def shown_commands() -> list[str]:
    """The lines of the page's sh blocks."""
    page = (ROOT / "docs" / "preparation.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.timeout(300)
def test_every_command_of_the_page_does_what_it_says(kafka: str, tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "SHELFSTREAM_TOPICS_PREFIX": "preparation.",
    }
    commands = shown_commands()
    assert {command.split()[2] for command in commands if command.startswith("shelfstream data")} == {
        *("collect", "clean", "split", "report", "card")
    }
    for command in commands:
        done = shelfstream(*_arguments(command), folder=tmp_path, environment=environment)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    lines = [json.loads(line) for line in (tmp_path / "from-topic.jsonl").read_text().splitlines()]
    sent = [json.loads(line) for line in (ROOT / "docs" / "examples" / "products.jsonl").read_text().splitlines()]
    assert {line["title"] for line in lines} == {line["title"] for line in sent}
    counts = json.loads((tmp_path / "split.counts.json").read_text())
    table = pyarrow.parquet.read_table(tmp_path / "split.parquet")
    assert table.num_rows == counts["rows out"] < counts["rows in"]
    assert counts["title: mojibake"] == 2
    assert set(table["split"].to_pylist()) == {"train", "validate", "test"}
    assert "<svg" in (tmp_path / "report.html").read_text()
    assert "- **Licence:** MIT" in (tmp_path / "card.md").read_text()


def _arguments(command: str) -> list[str]:
    program, *arguments = shlex.split(command)
    assert program == "shelfstream"
    return arguments
