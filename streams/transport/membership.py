"""The worker's membership in its consumer group: which partitions are its own, and how surely.

A member that the group has not heard of for the session timeout loses its partitions without being told. So the member
keeps a lease: it holds its partitions as long as the last heartbeat that was answered is younger than the timeout, by a
clock that also runs while the process or its machine is stopped.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from aiokafka.client import ConnectionGroup
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import (
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
    RequestTimedOutError,
    for_code,
)
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest
from aiokafka.structs import OffsetAndMetadata
from faust.types import TP

from streams.transport.client import hang_up
from streams.transport.requests import Member, OffsetFetchRequest

LEASE = 0.9  # of the session timeout: the rest is for the way from here to the log
UNSTABLE = 88  # a transaction that includes this offset is not finished
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class GroupMember(GroupCoordinator):  # type: ignore[misc]
    """aiokafka's member, with a lease and with offsets that wait for open transactions."""

    _heard = float("-inf")

    @property
    def is_out(self) -> bool:
        """Whether the group has no such member: it never joined, or was taken for dead."""
        unknown: bool = self.member_id == JoinGroupRequest.UNKNOWN_MEMBER_ID
        return unknown

    def holds(self) -> bool:
        """Whether no other worker can have our partitions yet."""
        return not self.is_out and _now() - self._heard < LEASE * self._session_timeout_ms / 1000

    def joined(self) -> None:
        """The group has just given us partitions."""
        self._heard = _now()

    def member(self) -> Member:
        """Who we are in the group."""
        return Member(self.group_id, self.generation, self.member_id, self._group_instance_id)

    async def _do_heartbeat(self) -> bool:
        asked = _now()
        answered: bool = await super()._do_heartbeat()
        if answered:
            self._heard = asked
        return answered

    async def _send_req(self, request: Any) -> Any:
        """Once a session is over there is nothing to wait for on this connection, which may be half open."""
        if isinstance(request, (JoinGroupRequest, SyncGroupRequest)):
            return await super()._send_req(request)  # answered when the other members are there
        node = self.coordinator_id
        try:
            async with asyncio.timeout(self._session_timeout_ms / 1000):
                return await super()._send_req(request)
        except TimeoutError as error:
            if node is not None:
                hang_up(self._client, node, ConnectionGroup.COORDINATION)
            self.coordinator_dead()
            raise RequestTimedOutError(f"the coordinator of {self.group_id} did not answer") from error

    async def _do_fetch_commit_offsets(self, partitions: Iterable[TP]) -> dict[TP, OffsetAndMetadata]:
        response = await self._send_req(OffsetFetchRequest(self.group_id, partitions))
        codes = [response.error_code, *(part[4] for _, parts, _ in response.topics for part in parts)]
        for code in codes:
            if code == UNSTABLE:
                raise GroupLoadInProgressError("a transaction is not finished")  # one that is tried again
            if code:
                error: type[KafkaError] = for_code(code)
                if error is NotCoordinatorForGroupError:
                    self.coordinator_dead()
                raise error(self.group_id)
        return {
            TP(topic, number): OffsetAndMetadata(offset, metadata)
            for topic, parts, _ in response.topics
            for number, offset, _, metadata, _, _ in parts
            if offset >= 0
        }


def _now() -> float:
    return time.clock_gettime(_CLOCK)
