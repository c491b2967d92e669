"""Readiness: assigned, recovered, not stalled."""

import time

import pytest

from streams.metrics.health import Health, Progress


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
