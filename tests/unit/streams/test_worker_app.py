"""What a worker that ends after a failure may still do: nothing that others could see."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streams.config import load_settings
from streams.errors import Stop
from streams.transport.consumer import RunConsumer
from streams.transport.requests import Member
from streams.worker import WorkerApp, make_app

MEMBER = Member("group", 3, "me", None)


class Joined(RunConsumer):
    """A consumer whose group knows it."""

    def __init__(self) -> None:
        self._client: Any = object()
        self._coordinator: Any = SimpleNamespace(is_out=False, holds=lambda: True, member=lambda: MEMBER)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerApp:
    made = make_app(load_settings(overrides={"state.dir": tmp_path}))
    monkeypatch.setattr(made, "_consumer", Joined())
    return made


def test_a_worker_sends_as_long_as_it_holds_its_partitions(app: WorkerApp) -> None:
    assert app.holds_partitions()
    assert app.member() == MEMBER


def test_after_a_failure_it_sends_nothing_though_the_group_has_it_again(app: WorkerApp) -> None:
    app.failure = Stop("it was replaced, with windows under way")
    assert not app.holds_partitions()
    with pytest.raises(Stop):
        app.member()
