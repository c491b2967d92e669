"""`shelfstream explain user`: the table, the JSON and the page, on hostile names too."""

from __future__ import annotations

import dataclasses
import json
from math import log
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.explain.user import UserExplanation
from models.explain.user_page import user_page, when
from streams.cli import main
from tests.unit.streams.making_models import save_small_behaviour
from tests.unit.streams.test_cli_explain import HOSTILE, Reader

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("behaviour")
    save_small_behaviour(path)
    return path


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Two users, one of whom likes tea."""
    path = tmp_path / "events.jsonl"
    common = {"user_id": "u-1", "type": "purchase"}
    lines = [
        {**common, "event_id": f"e{day}-{name}", "session_id": f"b{day}", "category": name}
        | {"product_id": f"{name.lower()}-1", "occurred_at": (100 + day) * DAY_MS}
        for day in (0, 7, 14)
        for name in ("TEA", "MILK")
    ]
    lines.append({"user_id": "u-2", "type": "view", "event_id": "v", "category": "SOAP", "occurred_at": 100 * DAY_MS})
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def told(*arguments: str) -> dict[str, object]:
    done = CliRunner().invoke(main.app, ["explain", "user", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.output)
    return found


def test_the_command_prints_a_table_or_json_or_writes_the_page(artifact: Path, events: Path, tmp_path: Path) -> None:
    asked = ["--artifact", str(artifact), "--input", str(events), "--user-id", "u-1"]
    shown = CliRunner().invoke(main.app, ["explain", "user", *asked], env={"COLUMNS": "160"})
    assert shown.exit_code == 0, shown.output
    for text in ("after 6 events of u-1", "memory", "everything before", "likeliest:", "1970-04-"):
        assert text in shown.output
    found = json.loads(CliRunner().invoke(main.app, ["explain", "user", *asked, "--json"]).output)
    assert [event["event_id"] for event in found["events"]][:2] == ["e0-TEA", "e0-MILK"]
    assert found["events"][0]["product_id"] == "tea-1"
    assert found["base"] + sum(found["parts"].values()) == pytest.approx(
        log(found["confidence"] / (1 - found["confidence"])), abs=1e-3
    )
    assert sum(found["shares"].values()) == pytest.approx(1)
    page = tmp_path / "why.html"
    assert CliRunner().invoke(main.app, ["explain", "user", *asked, "--html", str(page)]).exit_code == 0
    text = Reader(page.read_text()).text
    assert found["category"] in text
    assert text.count("purchase") == 6


def test_it_explains_what_predict_users_answers(artifact: Path, events: Path) -> None:
    arguments = ["--artifact", str(artifact), "--input", str(events)]
    lines = CliRunner().invoke(main.app, ["predict", "users", *arguments]).output.splitlines()
    best = {line["user_id"]: line["next_categories"][0] for line in map(json.loads, lines)}
    for user in ("u-1", "u-2"):
        found = told(*arguments, "--user-id", user)
        assert found["category"] == best[user]["category"]
        assert found["confidence"] == pytest.approx(best[user]["confidence"], abs=1e-5)


def test_another_category_may_be_asked_for_and_a_table_be_read(artifact: Path, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user_id,type,occurred_at,category\nu,purchase,1000,TEA\n")
    assert told("--artifact", str(artifact), "--input", str(path), "--category", "SOAP")["category"] == "SOAP"


def test_what_cannot_be_answered_says_why(artifact: Path, events: Path, tmp_path: Path) -> None:
    def refused(*arguments: str) -> str:
        done = CliRunner().invoke(main.app, ["explain", "user", "--artifact", str(artifact), *arguments])
        assert done.exit_code == 2
        return " ".join(done.output.replace("│", " ").split())

    assert "events of 2 users; say whose with --user-id: u-1, u-2" in refused("--input", str(events))
    assert "has no events of 'u-3'" in refused("--input", str(events), "--user-id", "u-3")
    empty = tmp_path / "empty.jsonl"
    empty.write_text("{}\n")
    assert "the input has no events; line 1: invalid" in refused("--input", str(empty))


def test_a_wrong_line_is_named_and_the_rest_explained(artifact: Path, events: Path) -> None:
    events.write_text(events.read_text() + "\nnonsense\n")
    done = CliRunner().invoke(
        main.app, ["explain", "user", "--artifact", str(artifact), "--input", str(events), "--user-id", "u-1"]
    )
    assert done.exit_code == 1
    assert "after 6 events of u-1" in done.output
    assert "line 8: undecodable" in done.output


def test_a_hostile_name_stays_text(artifact: Path, events: Path) -> None:
    from models.behaviour import load_behaviour
    from models.explain.users import UserExplainer
    from tests.unit.models.behaviour_worlds import columns

    found: UserExplanation = UserExplainer(load_behaviour(artifact)).explain(columns([1, 2, 3]))
    hostile = tuple(dataclasses.replace(event, category=HOSTILE, product_id=HOSTILE[::-1]) for event in found.events)
    page = user_page(dataclasses.replace(found, user_id=HOSTILE, category=HOSTILE, events=hostile))
    read = Reader(page)
    assert not {"script", "b", "img", "a", "link", "iframe"} & set(read.tags)
    assert set(read.attributes) <= {"lang", "charset", "name", "content", "dir", "class", "style", "title", "colspan"}
    assert read.text.count(HOSTILE) == 6
    assert "http" not in page


def test_times_are_told_in_utc() -> None:
    assert when(0) == "1970-01-01 00:00"
