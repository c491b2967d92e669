"""Faust's partition assignor, for workers that read changelogs outside the group."""

import logging
from collections.abc import Iterable
from typing import Any

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from faust.assignor.client_assignment import ClientMetadata
from faust.assignor.partition_assignor import PartitionAssignor

log = logging.getLogger(__name__)


class SourceAssignor(PartitionAssignor):
    """Sticky and copartitioned, with standbys, as Faust's; but only source partitions become the group's assignment.

    Changelogs take part in the assignment, so that state goes where its source goes, but a worker reads them with a
    client of its own: recovery then needs no rebalance to begin, end or go wrong. An error in here is logged, because
    the group would otherwise wait for it in silence.
    """

    def metadata(self, topics: Iterable[str]) -> Any:
        """Subscribe in the group's eyes to the changelogs too."""
        return super().metadata(set(topics) | self._table_manager.changelog_topics)

    def assign(self, cluster: Any, member_metadata: Any) -> Any:
        """Assign all partitions, and tell each member its source partitions."""
        try:
            assigned = super().assign(cluster, member_metadata)
        except Exception:
            log.exception("the group's partitions could not be assigned")
            raise
        changelogs = self._table_manager.changelog_topics
        return {
            member: ConsumerProtocolMemberAssignment(
                given.version,
                [(topic, partitions) for topic, partitions in given.assignment if topic not in changelogs],
                given.user_data,
            )
            for member, given in assigned.items()
        }

    def on_assignment(self, assignment: Any) -> None:
        """Learn which partitions are ours and which are standbys."""
        try:
            metadata = ClientMetadata.loads(self._decompress(assignment.user_data))
            everything = sorted(metadata.assignment.kafka_protocol_assignment(self._table_manager))
            super().on_assignment(
                ConsumerProtocolMemberAssignment(assignment.version, everything, assignment.user_data)
            )
        except Exception:
            log.exception("this worker's assignment could not be read")
            raise
