"""The broker refuses what a worker writes: the worker ends and says why, and goes on once it is mended."""

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from schemas.topics import USER_PREDICTIONS, USER_STATE
from tests.faults.cluster import Cluster
from tests.faults.conftest import Judge, MakeStage

pytestmark = [pytest.mark.faults, pytest.mark.long]

TOO_SMALL = "300"


def set_largest(cluster: Cluster, topic: str, largest: str) -> None:
    """Set a topic's max.message.bytes."""
    entry = ConfigEntry("max.message.bytes", largest, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": cluster.servers})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


@pytest.mark.timeout(300)
def test_nothing_is_lost_when_outputs_or_the_changelog_are_refused(
    make_stage: MakeStage, one_broker: Cluster, judge: Judge
) -> None:
    stage = make_stage(one_broker)
    worker = stage.start_worker().wait_ready()
    stage.load.start()
    recovered = []
    topics = (USER_PREDICTIONS, USER_STATE)
    for spec in topics:
        stage.wait_answered(stage.random.randrange(100, 400))
        set_largest(one_broker, stage.place.topic(spec.name), TOO_SMALL)
        assert worker.wait(60) == 1
        assert "MessageSizeTooLarge" in worker.tail()
        assert stage.place.topic(spec.name) in worker.tail()
        set_largest(one_broker, stage.place.topic(spec.name), str(spec.max_message_bytes))
        mark = stage.watcher.mark()
        worker = stage.start_worker()
        recovered.append(stage.recovered(mark))
    judge(stage.finish("records refused as too large", len(topics), recovered))
