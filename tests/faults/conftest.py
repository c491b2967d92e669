"""Clusters to break, stages to play on, and the table at the end."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import report
from tests.faults.cluster import Cluster
from tests.faults.report import Line
from tests.faults.stage import AT_LEAST_ONCE, EXACTLY_ONCE, Stage
from tests.unit.streams.making_models import stored_small_behaviour

MakeStage = Callable[..., Stage]
Judge = Callable[[Line], None]
LINES: pytest.StashKey[list[Line]] = pytest.StashKey()
_numbers = itertools.count()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The short run leaves out what is marked as long."""
    if not config.getoption("--faults-long"):
        long = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The table, and its files if they are wanted."""
    lines = config.stash.get(LINES, [])
    if not lines:
        return
    terminalreporter.section("faults")
    for text in report.as_text(lines):
        terminalreporter.write_line(text)
    folder = config.getoption("--faults-report")
    if folder:
        report.write(folder, lines, config.getoption("--faults-seed"))
        terminalreporter.write_line(f"written to {folder}")


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether this is the long run."""
    return bool(request.config.getoption("--faults-long"))


@pytest.fixture(params=[AT_LEAST_ONCE, pytest.param(EXACTLY_ONCE, marks=pytest.mark.long)])
def delivery(request: pytest.FixtureRequest) -> str:
    """What the workers promise of their outputs."""
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="session")
def one_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of one, which tests may restart but leave running."""
    cluster = Cluster(tmp_path_factory.mktemp("one-broker"))
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture
def make_stage(request: pytest.FixtureRequest, tmp_path: Path, behaviour_artifact: Path) -> Iterator[MakeStage]:
    """Makes the stage of a fault: `make_stage(cluster, ...)`. Load is for the test to start."""
    stages: list[Stage] = []
    small = stored_small_behaviour()

    def make(cluster: Cluster, **options: Any) -> Stage:
        name = f"{request.node.originalname.removeprefix('test_')[:30]}-{os.getpid()}-{next(_numbers)}"
        options = {"models": {small.info.version: small}, "artifact": behaviour_artifact, **options}
        stage = Stage(
            cluster, tmp_path, name, seed=f"{request.config.getoption('--faults-seed')} {request.node.name}", **options
        )
        stages.append(stage)
        return stage

    yield make
    for stage in stages:
        stage.close()


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Judge:
    """Notes a fault's line for the table, then fails if a promise was broken."""

    def note(line: Line) -> None:
        request.config.stash.setdefault(LINES, []).append(line)
        assert line.good, "\n".join([" | ".join(line.cells()), *line.findings.notes])

    return note
