"""What every test may ask for: a real Kafka, and no settings from outside."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says something of the machine, not of the code.
settings.register_profile("shelfstream", deadline=None)
settings.load_profile("shelfstream")
# Brokers of tests live for a minute or two: the second compiler would only take processor time from what is tested.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")
# Tests run beside each other: threads of one that wait for each other would only take the time of the next.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What tests/faults can be told; here, because pytest asks before it looks into folders."""
    group = parser.getgroup("faults", "faults (tests/faults)")
    group.addoption("--faults-long", action="store_true", help="the long run: every fault, and many times")
    group.addoption("--faults-seed", type=int, default=1, help="what the schedule is drawn from")
    group.addoption("--faults-report", type=Path, metavar="DIR", help="write the table there, as JSON and Markdown")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap servers of a real Kafka: the cluster of KAFKA_BOOTSTRAP_SERVERS, or a broker started for the session.

    Tests share it, so each makes topics and groups with names of its own.
    """
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given
        return
    from streams import broker  # here: unit tests start faster without it

    with broker.start(tmp_path_factory.mktemp("kafka"), show_progress=False) as running:
        yield running.bootstrap_servers


@pytest.fixture(scope="session")
def behaviour_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small behaviour model, wide enough apart that a lost or doubled event shows in every later prediction."""
    from tests.unit.streams.making_models import save_small_behaviour  # here: unit tests start faster without it

    path = tmp_path_factory.mktemp("behaviour")
    save_small_behaviour(path)
    return path


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the person who runs the tests must not change what they prove."""
    for name in [name for name in os.environ if name.startswith("SHELFSTREAM_")]:
        monkeypatch.delenv(name)
