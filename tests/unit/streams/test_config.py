"""Settings: which source wins, and errors that name the setting."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams.config import load_settings, setting_names
from streams.errors import ConfigError

WriteFile = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    """Writes a settings file and gives its path."""

    def to_file(text: str) -> Path:
        path = tmp_path / "settings.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def refused(config_file: Path | None = None, overrides: dict[str, Any] | None = None) -> str:
    """The text with which the settings are refused."""
    with pytest.raises(ConfigError) as error:
        load_settings(config_file, overrides)
    assert error.value.exit_code == 2
    return str(error.value)


def test_defaults_hold_where_nothing_is_set() -> None:
    settings = load_settings()
    assert (settings.name, settings.batch.max_events, settings.batch.max_wait_ms) == ("shelfstream", 4096, 1)
    assert settings.agents == ["products", "behaviour"]
    assert settings.kafka.bootstrap_servers == "127.0.0.1:9092"


def test_flags_win_over_the_environment_which_wins_over_the_file(
    write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("[batch]\nmax_events = 1\nmax_wait_ms = 5\nin_flight = 1\n")
    monkeypatch.setenv("SHELFSTREAM_BATCH_MAX_EVENTS", "2")
    monkeypatch.setenv("SHELFSTREAM_BATCH_MAX_WAIT_MS", "2")
    batch = load_settings(file, {"batch.max_events": 3}).batch
    assert (batch.max_events, batch.max_wait_ms, batch.in_flight) == (3, 2, 1)


def test_a_flag_that_is_not_given_changes_nothing(write: WriteFile) -> None:
    file = write("name = 'mine'\n[batch]\nmax_events = 7\n")
    settings = load_settings(file, {"batch.max_events": None, "name": None})
    assert (settings.name, settings.batch.max_events) == ("mine", 7)


def test_the_file_of_the_current_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "shelfstream.toml").write_text("name = 'here'\n")
    assert load_settings().name == "here"


def test_one_call_does_not_remember_the_file_of_another(write: WriteFile) -> None:
    assert load_settings(write("name = 'first'\n")).name == "first"
    assert load_settings().name == "shelfstream"


@pytest.mark.parametrize("stronger", ["file", "variable", "flag"])
def test_kafkas_own_variable_stands_in_where_nothing_stronger_names_the_cluster(
    write: WriteFile, monkeypatch: pytest.MonkeyPatch, stronger: str
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "weak:1")
    assert load_settings().kafka.bootstrap_servers == "weak:1"
    file = write("[kafka]\nbootstrap_servers = 'strong:2'\n") if stronger == "file" else None
    if stronger == "variable":
        monkeypatch.setenv("SHELFSTREAM_KAFKA_BOOTSTRAP_SERVERS", "strong:2")
    flags = {"kafka.bootstrap_servers": "strong:2"} if stronger == "flag" else {}
    assert load_settings(file, flags).kafka.bootstrap_servers == "strong:2"


def test_every_setting_can_be_set_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "SHELFSTREAM_AGENTS": '["products"]', "SHELFSTREAM_KAFKA_COMMIT_INTERVAL_S": "0.5",
        "SHELFSTREAM_STATE_DIR": "/tmp/rows", "SHELFSTREAM_MODELS_TOP": "3", "SHELFSTREAM_TOPICS_PREFIX": "a.b-",
        "SHELFSTREAM_LETTERS_MAX_PER_MINUTE": "5", "SHELFSTREAM_WEB_PORT": "0", "SHELFSTREAM_DEVICE": "cpu",
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.agents, settings.kafka.commit_interval_s) == (["products"], 0.5)
    assert settings.state.dir == Path("/tmp/rows")
    assert (settings.models.top, settings.topics.prefix, settings.device) == (3, "a.b-", "cpu")
    assert (settings.letters.max_per_minute, settings.web.port) == (5, 0)


@pytest.mark.parametrize(
    ("text", "named", "hint"),
    [
        ("[batch]\nmax_event = 5", "unknown setting batch.max_event;", "max_events"),
        ("btach = 5", "unknown setting btach;", "batch, "),
        ("[batch.max_events]\nx = 1", "batch.max_events", "integer"),
        ("[batch]\nmax_events = 'many'", "batch.max_events = 'many'", "integer"),
        ("[batch]\nmax_events = 0", "batch.max_events = 0", "greater than or equal to 1"),
        ("[batch]\nmax_wait_ms = -1.5", "batch.max_wait_ms = -1.5", "greater than or equal to 0"),
        ("agents = ['pricing']", "agents.0 = 'pricing'", "'products', 'behaviour' or 'demand'"),
        ("agents = ['behaviour', 'demand']", "agents = ['behaviour', 'demand']", "a worker of its own"),
        ("agents = []", "agents = []", "at least 1"),
        ("device = 'gpu'", "device = 'gpu'", "'auto', 'cpu' or 'cuda'"),
        ("name = 'with space'", "name = 'with space'", "pattern"),
        ("batch = 5", "batch", "settings.toml"),
        ("[web]\nport = 70000", "web.port = 70000", "65535"),
    ],
)
def test_a_wrong_setting_of_the_file_is_named_with_its_value_and_the_file(
    write: WriteFile, text: str, named: str, hint: str
) -> None:
    told = refused(write(text))
    assert named in told
    assert hint in told
    assert "settings.toml" in told


def test_all_wrong_settings_are_told_at_once(write: WriteFile) -> None:
    told = refused(write("[batch]\nmax_events = 0\nmax_wait = 1\n[web]\nport = -1"))
    assert all(name in told for name in ("batch.max_events", "batch.max_wait", "web.port"))


def test_a_file_that_is_no_toml_is_named_with_the_line(write: WriteFile) -> None:
    assert re.search(r"settings\.toml.*line 2", refused(write("name = 'a'\n= 5\n")))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "nowhere.toml" in refused(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("variable", "value", "hint"),
    [
        ("SHELFSTREAM_BATCH_MAX_EVENTS", "many", "batch.max_events = 'many'"),
        ("SHELFSTREAM_AGENTS", "products", "agents"),
        ("SHELFSTREAM_BATCH_MAXEVENTS", "5", "SHELFSTREAM_BATCH_MAX_EVENTS"),
        ("SHELFSTREAM_BATCH", "{}", "unknown variable SHELFSTREAM_BATCH;"),
        ("SHELFSTREAM_", "1", "unknown variable SHELFSTREAM_;"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, hint: str) -> None:
    monkeypatch.setenv(variable, value)
    assert hint in refused()


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("batch.max_events", -3, "batch.max_events = -3"),
        ("batch.wrong", 1, "unknown setting batch.wrong"),
        ("models.top", 1_000, "models.top = 1000"),
    ],
)
def test_a_wrong_flag_is_named(name: str, value: Any, hint: str) -> None:
    assert hint in refused(overrides={name: value})


def test_every_setting_says_what_it_means() -> None:
    names = setting_names()
    assert "batch.max_wait_ms" in names
    assert [name for name, meaning in names.items() if not meaning] == []


def test_settings_do_not_change_after_they_were_read() -> None:
    with pytest.raises(Exception, match="frozen"):
        load_settings().batch.max_events = 5  # type: ignore[misc]


def test_the_demand_agent_has_a_consumer_group_of_its_own() -> None:
    assert load_settings(overrides={"name": "shop"}).group == "shop"
    assert load_settings(overrides={"name": "shop", "agents": ["demand"]}).group == "shop-demand"
