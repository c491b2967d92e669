"""Every command and the example of docs/explanation.md are run, on the shipped model and a small catalogue."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.data import catalogues
from streams.cli import main
from tests.unit.models.explaining import groceries

PAGE = Path(__file__).parents[3] / "docs" / "explanation.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.timeout(600)
def test_every_command_of_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogues, "load", lambda data: [groceries()])
    shutil.copytree(PAGE.parent / "examples", tmp_path / "docs" / "examples")
    monkeypatch.chdir(tmp_path)
    shown = {}
    for line in "".join(blocks("sh")).splitlines():
        given, command = line.split(" | ") if line.startswith("echo ") else ("", line)
        command = re.sub(r"--(titles|households) \d+", r"--\1 4", command)  # the same with fewer cases
        words = shlex.split(command)
        assert words.pop(0) == "shelfstream"
        quiet = ["--no-progress"] if words[0] == "evaluate" else []
        done = CliRunner().invoke(main.app, [*words, *quiet], input=shlex.split(given)[1] if given else None)
        assert done.exit_code == 0, f"{line}\n{done.output}"
        shown[line] = done.output
    assert len(shown) == 13
    assert any("weight of evidence" in text for text in shown.values())
    assert "Navy +" in next(iter(shown.values()))
    for name in ("why.html", "user.html"):
        assert (tmp_path / name).read_text().startswith("<!doctype html>")
    assert (tmp_path / "card" / "model-card.md").is_file()
    assert sum("BAG SNACKS" in text for text in shown.values()) >= 1


def test_the_example_prints_the_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("python")
    exec(compile(example, str(PAGE), "exec"), {})
    jeans, chips = capsys.readouterr().out.splitlines()
    assert "Jeans" in jeans
    assert "Chips" in chips
