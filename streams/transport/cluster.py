"""Is the cluster there, and are its topics as they should be? Asked once, before a worker starts."""

import logging
from collections.abc import Mapping

from kafka.errors import KafkaError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from streams.admin import Admin
from streams.errors import ClusterError

log = logging.getLogger(__name__)
ATTEMPT_MS = 1_000  # of one attempt; the client's own 30 s would hide from the reader what it is waiting for


def wait_for_cluster(bootstrap_servers: str, timeout_s: float) -> Admin:
    """Connect, trying again with growing pauses. Errors: ClusterError once `timeout_s` is over."""

    def say(state: RetryCallState) -> None:
        pause = state.next_action.sleep if state.next_action else 0
        log.warning("no Kafka answers at %s yet; trying again in %.1f s", bootstrap_servers, pause)

    retrying = Retrying(
        retry=retry_if_exception_type((KafkaError, OSError, ValueError)),
        stop=stop_after_delay(timeout_s),
        wait=wait_exponential_jitter(initial=0.5, max=5, jitter=0.3),
        before_sleep=say,
        reraise=True,
    )
    try:
        return retrying(_connect, bootstrap_servers)
    except (KafkaError, OSError, ValueError) as error:
        raise ClusterError(
            f"no Kafka answered at {bootstrap_servers} within {timeout_s:g} s ({type(error).__name__}). Start one with "
            "`shelfstream kafka start`, or name yours with --bootstrap-servers or KAFKA_BOOTSTRAP_SERVERS"
        ) from error


def check_partitions(admin: Admin, wanted: Mapping[str, int]) -> None:
    """Every topic must exist with exactly that many partitions: outputs go to the partition of their source.

    Errors: ClusterError, with every topic that is missing or differs.
    """
    found = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(list(admin.list_topics()))}
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ClusterError(f"topics are missing: {', '.join(missing)}. Make them with `shelfstream topics create`")
    wrong = [f"{name} has {found[name]}" for name, count in wanted.items() if found[name] != count]
    if wrong:
        counts = sorted(set(wanted.values()))
        raise ClusterError(
            f"{'; '.join(wrong)} partitions, {counts[0]} expected (topics.partitions). All topics of one worker need "
            "the same number: set topics.partitions to it, or make the topics anew"
        )


def _connect(bootstrap_servers: str) -> Admin:
    return Admin(bootstrap_servers=bootstrap_servers.split(","), bootstrap_timeout_ms=ATTEMPT_MS)
