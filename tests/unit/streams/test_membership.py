"""How long a member of the group may be sure of its partitions, and which committed offsets it waits for."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, GroupLoadInProgressError
from aiokafka.protocol.group import HeartbeatRequest
from faust.types import TP

from streams.transport import membership as module
from streams.transport.membership import LEASE, UNSTABLE, GroupMember
from streams.transport.requests import OffsetFetchResponse

SESSION_S = 10.0
NO_ERROR, UNKNOWN_MEMBER, NOT_AUTHORIZED = 0, 25, 30


class Member(GroupMember):
    """A member whose coordinator answers from a list; what aiokafka sets up for a connection is left out."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.group_id, self.member_id, self.generation = "group", "me", 3
        self._group_instance_id, self._session_timeout_ms = None, int(SESSION_S * 1000)
        self._rejoin_needed_fut = SimpleNamespace(done=lambda: True)
        self.asked: list[Any] = []

    async def _send_req(self, request: Any) -> Any:
        self.asked.append(request)
        return self.answers.pop(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time as the member sees it."""
    made = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(module, "_now", lambda: made.now)
    return made


def heartbeat(member: Member) -> None:
    """One, answered."""
    asyncio.run(member._do_heartbeat())


def test_a_member_holds_its_partitions_until_the_lease_of_its_last_answered_heartbeat_is_over(
    clock: SimpleNamespace,
) -> None:
    member = Member(SimpleNamespace(error_code=NO_ERROR))
    assert not member.holds()  # it never joined
    member.joined()
    clock.now += LEASE * SESSION_S - 0.01
    assert member.holds()
    heartbeat(member)
    assert isinstance(member.asked[0], HeartbeatRequest)
    clock.now += LEASE * SESSION_S - 0.01
    assert member.holds()
    clock.now += 0.02
    assert not member.holds()


def test_a_member_that_the_group_does_not_know_holds_nothing(clock: SimpleNamespace) -> None:
    member = Member(SimpleNamespace(error_code=UNKNOWN_MEMBER))
    member.joined()
    assert member.holds()
    heartbeat(member)
    assert member.is_out
    assert not member.holds()


def offsets(*parts: tuple[int, int, int], error: int = 0) -> OffsetFetchResponse:
    """Partition, offset and error code of each."""
    return OffsetFetchResponse(0, [("events", [(n, at, -1, "", code, {}) for n, at, code in parts], {})], error, {})


def test_offsets_that_an_open_transaction_may_still_move_are_asked_for_again() -> None:
    tps = [TP("events", 0), TP("events", 1), TP("events", 2)]
    with pytest.raises(GroupLoadInProgressError):
        asyncio.run(Member(offsets((0, 4, 0), (1, -1, UNSTABLE)))._do_fetch_commit_offsets(tps))
    found = asyncio.run(Member(offsets((0, 4, 0), (1, -1, 0), (2, 0, 0)))._do_fetch_commit_offsets(tps))
    assert {tp: known.offset for tp, known in found.items()} == {TP("events", 0): 4, TP("events", 2): 0}


def test_who_may_not_read_the_group_is_told_so() -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        asyncio.run(Member(offsets(error=NOT_AUTHORIZED))._do_fetch_commit_offsets([TP("events", 0)]))
