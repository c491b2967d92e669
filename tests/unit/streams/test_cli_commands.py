"""The command line: every command explains itself, errors are one line, checks are pure."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.codec import Codec
from schemas.events import UserBehaviour
from schemas.topics import DEFAULT_PARTITIONS, TOPICS, USER_BEHAVIOUR
from streams.cli import main
from streams.cli.figures import figures_table, print_result
from streams.cli.send import read_lines
from streams.cli.topic_check import Difference, FoundTopic, differences

HEAVY = ("torch", "faust", "aiokafka", "kafka", "pandas", "rocksdict", "requests")
COMMANDS = [
    *(["demo"], ["worker"], ["send"], ["tail"]),
    *(["predict", each] for each in ("products", "users")),
    *(["topics", each] for each in ("create", "verify", "list")),
    *(["kafka", each] for each in ("start", "stop", "status")),
    *(["data", each] for each in ("collect", "clean", "split", "report", "card")),
    *([each, model] for each in ("train", "evaluate") for model in ("products", "behaviour", "taxonomy")),
    *(["train", model] for model in ("spans", "price")),
    *(["explain", each] for each in ("product", "user", "index")),
    *(["evaluate", each] for each in ("explanation", "user-explanation")),
]


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from streams.cli.main import main\n"
        "sys.argv = ['shelfstream', '--help']\n"
        "try: main()\n"
        f"finally: print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == 0
    assert done.stderr == "[]\n"
    assert all(f" {name} " in done.stdout for name in main.COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_an_example_and_explains_each_option(command: list[str]) -> None:
    shown = CliRunner().invoke(main.app, [*command, "--help"], env={"COLUMNS": "200"}, prog_name="shelfstream")
    assert shown.exit_code == 0
    assert "Example: shelfstream" in shown.output
    options = [line.strip("│ ") for line in shown.output.splitlines() if line.strip("│* ").startswith("--")]
    assert options
    assert [line for line in options if len(line.split("  ")) < 2] == []


def test_an_error_of_ours_is_one_line_with_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["shelfstream", "topics", "list", "--config", "missing.toml"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "shelfstream: there is no configuration file missing.toml\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), "Not a directory: a/b"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    ],
)
def test_a_file_that_cannot_be_written_is_one_line_too(
    error: OSError, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(prog_name: str) -> None:
        raise error

    monkeypatch.setattr(main, "app", fail)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"shelfstream: {said}\n"


def test_lines_become_records_keyed_by_their_id() -> None:
    line = b'{"event_id":"e1","user_id":"\xc3\xa4na","type":"view","product_id":"p","occurred_at":5}'
    records, problems = read_lines([b"\n", line, b"   "], USER_BEHAVIOUR)
    assert problems == []
    (record,) = records
    assert record.key == "äna".encode()
    assert record.value is not None
    assert Codec(UserBehaviour).decode(record.value).event_id == "e1"
    (as_json,), _ = read_lines([line], USER_BEHAVIOUR, as_json=True)
    assert as_json.value is not None
    assert json.loads(as_json.value)["user_id"] == "äna"


def test_every_wrong_line_is_named_and_the_right_ones_are_read() -> None:
    right = b'{"event_id":"e1","user_id":"u","type":"search","query":"x","occurred_at":5}'
    wrong = [b"{}", right.replace(b'"search"', b'"steal"'), b"\xff\xfe", right.replace(b'"u"', b'""')]
    records, problems = read_lines([right, *wrong, right], USER_BEHAVIOUR)
    assert len(records) == 2
    assert [problem.split(":")[0] for problem in problems] == ["line 2", "line 3", "line 4", "line 5"]


def declared() -> dict[str, FoundTopic]:
    return {f"a.{spec.name}": FoundTopic(DEFAULT_PARTITIONS, spec.config) for spec in TOPICS}


def test_topics_as_declared_do_not_differ() -> None:
    assert differences(TOPICS, declared(), prefix="a.", partitions=DEFAULT_PARTITIONS) == []


def test_each_difference_is_found_and_words_in_another_order_are_none() -> None:
    found = declared()
    del found["a.dead-letters"]
    spec = USER_BEHAVIOUR
    found["a.user-behaviour"] = FoundTopic(7, spec.config | {"retention.ms": "1", "max.message.bytes": "2"})
    wrong = differences(TOPICS, found, prefix="a.", partitions=DEFAULT_PARTITIONS)
    assert set(wrong) == {
        Difference("a.user-behaviour", "partitions", "4", "7"),
        Difference("a.user-behaviour", "retention.ms", spec.config["retention.ms"], "1"),
        Difference("a.user-behaviour", "max.message.bytes", spec.config["max.message.bytes"], "2"),
        Difference("a.dead-letters", "topic", "exists", None),
    }


def test_figures_have_a_column_for_each_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"set": "electronics", "task": "category", "metric": "accuracy", "n": 1200, "value": 0.91}
    rows = [row | {"low": 0.9, "high": 0.92, "baselines": {"n-grams": 0.8}}, row | {"baselines": {"majority": 0.1}}]
    assert [column.header for column in figures_table(rows).columns][4:] == ["value", "95 %", "n-grams", "majority"]
    print_result({"model": "m", "figures": rows}, as_json=True)
    assert json.loads(capsys.readouterr().out)["figures"][0]["baselines"] == {"n-grams": 0.8}
