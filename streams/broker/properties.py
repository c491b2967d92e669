"""The broker's configuration files, as text."""

import random
import socket
from itertools import islice
from pathlib import Path

from streams.broker.errors import BrokerRefused

HOST = "127.0.0.1"
# Below what systems give to outgoing connections: one of those could take the port in the seconds until Java has it.
PORTS = range(20_000, 30_000)
MAX_RECORD_BYTES = 16 * 1024 * 1024
BATCH_OVERHEAD_BYTES = 64 * 1024  # the limit is on the record batch, so a 16 MiB value needs a little more
CLEANER_BUFFER_BYTES = 32 * 1024 * 1024  # of the heap; the default of 128 MiB is a quarter of ours


def server_properties(logs: Path, port: int, controller_port: int) -> str:
    """One node that is broker and controller, reachable from this machine only."""
    max_bytes = MAX_RECORD_BYTES + BATCH_OVERHEAD_BYTES
    return f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{HOST}:{controller_port}
listeners=PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}
advertised.listeners=PLAINTEXT://{HOST}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={logs}
num.partitions=4
auto.create.topics.enable=false
message.max.bytes={max_bytes}
replica.fetch.max.bytes={max_bytes}
fetch.max.bytes={4 * max_bytes}
log.cleaner.dedupe.buffer.size={CLEANER_BUFFER_BYTES}
group.initial.rebalance.delay.ms=0
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


def log4j_properties(log_file: Path) -> str:
    """Broker logs go to one file, rolled at 20 MB, three kept."""
    return f"""status=error
rootLogger.level=INFO
rootLogger.appenderRef.file.ref=File
appender.file.type=RollingFile
appender.file.name=File
appender.file.fileName={log_file}
appender.file.filePattern={log_file}.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d{{ISO8601}} %-5p %c{{1}} - %m%n
appender.file.policies.type=Policies
appender.file.policies.size.type=SizeBasedTriggeringPolicy
appender.file.policies.size.size=20MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=3
"""


def broker_port(properties: str) -> int | None:
    """The broker's port in the text of server_properties(); None if it is not there."""
    for line in properties.splitlines():
        if line.startswith("advertised.listeners="):
            return int(line.rpartition(":")[2])
    return None


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket() as probe:
        # As Kafka binds: a connection of an earlier broker that is still closing is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on, chosen at random. Errors: BrokerRefused when there are not so many."""
    free = (port for port in random.sample(PORTS, len(PORTS)) if port_is_free(port))
    ports = list(islice(free, count))
    if len(ports) < count:
        raise BrokerRefused(f"no {count} free ports between {PORTS.start} and {PORTS.stop} on {HOST}")
    return ports
