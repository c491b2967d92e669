"""Readiness: assigned, recovered, not stalled."""

import threading
import time

import pytest

from streams.metrics.health import NAMED, Health, Progress, Recovery
from streams.metrics.watchdog import Watchdog


@pytest.fixture
def health() -> Health:
    made = Health(stall_timeout_s=10)
    made.assigned = made.recovered = lambda: True
    return made


def agent(waiting: int, silent_s: float) -> Progress:
    """An agent with that many records waiting, whose last answer is that long ago."""
    return Progress(waiting=lambda: waiting, last_done=time.monotonic() - silent_s)


def test_a_worker_that_was_just_made_waits_for_its_partitions() -> None:
    assert Health(10).problems() == ["no partitions are assigned yet"]


def test_recovery_is_named_while_it_lasts(health: Health) -> None:
    health.recovered = lambda: False
    assert health.problems() == ["state is being recovered from the changelog"]


def test_assigned_and_recovered_is_ready(health: Health) -> None:
    health.agents = {"products": agent(0, 0), "behaviour": agent(0, 0)}
    assert health.problems() == []


def test_a_stalled_agent_is_named_with_what_waits(health: Health) -> None:
    health.agents = {"products": agent(0, 99), "behaviour": agent(7, 99)}
    assert health.problems() == ["behaviour: 7 records wait and none was answered for 99 s"]


def test_an_agent_with_nothing_to_do_is_never_stalled(health: Health) -> None:
    health.agents = {"products": agent(0, 100_000)}
    assert health.problems() == []


def test_records_that_wait_less_than_the_timeout_are_no_problem(health: Health) -> None:
    health.agents = {"products": agent(5, 9)}
    assert health.problems() == []


def test_an_answer_ends_a_stall(health: Health) -> None:
    stalled = agent(5, 99)
    health.agents = {"products": stalled}
    stalled.done()
    assert health.problems() == []


def test_a_loop_that_does_not_turn_is_named_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    health = Health(stall_timeout_s=10)
    began = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: began + 50)
    assert health.problems() == ["the event loop has not turned for 50 s"]
    health.beat()
    assert health.stalled() == []


def test_a_silent_kafka_is_a_stall_once_there_is_something_to_read(health: Health) -> None:
    health.kafka_silent_s = lambda: 42.0
    assert health.problems() == ["Kafka has answered no fetch for 42 s"]
    health.recovered = lambda: False
    assert health.stalled() == []


def test_a_recovery_that_does_not_move_is_a_stall_and_one_that_does_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    health, now, left = Health(stall_timeout_s=10), [100.0], [500]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    health.assigned, health.recovered = lambda: True, lambda: False
    health.recovery = Recovery(lambda: left[0])
    for _ in range(5):
        now[0] += 9
        left[0] -= 1
        health.beat()
        assert health.stalled() == []
    now[0] += 11
    health.beat()
    assert health.stalled() == ["state is not recovered, and the recovery has not moved for 11 s"]
    health.recovered = lambda: True
    assert health.stalled() == []
    health.recovered = lambda: False  # another one begins
    assert health.stalled() == []


def test_still_partitions_are_named_where_nothing_else_explains_them(health: Health) -> None:
    health.still_partitions = lambda limit_s: [f"partition {i} stands still for {limit_s} s" for i in range(NAMED + 2)]
    found = health.stalled()
    assert found[0] == "partition 0 stands still for 10 s"
    assert found[NAMED:] == ["2 more partitions stand still"]
    health.agents = {"behaviour": agent(7, 99)}
    assert len(health.stalled()) == 1
    health.agents = {}
    health.recovered = lambda: False
    assert health.stalled() == []


def test_offsets_that_kafka_does_not_take_are_a_stall(health: Health) -> None:
    health.uncommitted_s = lambda: 42.0
    assert health.problems() == ["Kafka has taken no source offset for 42 s"]


def test_an_end_that_does_not_come_is_a_stall(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    health.ending = lambda: True
    health.agents = {"behaviour": agent(7, 99)}  # nothing is answered any more, as it should be
    assert health.stalled() == []
    now[0] += 11
    assert health.stalled() == ["the worker has been ending for 11 s"]


class Ended(threading.Event):
    """What the watchdog calls instead of ending this process."""

    def __call__(self) -> None:
        self.set()


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Ended:
    monkeypatch.setattr("streams.metrics.watchdog.LOOK_S", 0.01)
    return Ended()


def test_the_watchdog_ends_a_worker_that_stays_stalled_and_says_why(
    health: Health, ended: Ended, caplog: pytest.LogCaptureFixture
) -> None:
    health.agents = {"behaviour": agent(7, 99)}
    watchdog = Watchdog(health, 0.05, ended)
    watchdog.start()
    assert ended.wait(5)
    assert "the worker ends itself: behaviour: 7 records wait" in caplog.text


def test_the_watchdog_forgives_a_stall_that_passes(health: Health, ended: Ended) -> None:
    stalled = agent(7, 99)
    health.agents = {"behaviour": stalled}
    watchdog = Watchdog(health, 0.5, ended)
    watchdog.start()
    time.sleep(0.1)
    stalled.done()
    assert not ended.wait(0.8)
    watchdog.close()


def test_a_watchdog_that_is_switched_off_never_bites(health: Health, ended: Ended) -> None:
    health.agents = {"behaviour": agent(7, 99)}
    Watchdog(health, 0, ended).start()
    assert not ended.wait(0.1)
