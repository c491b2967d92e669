"""A real Apache Kafka on this machine, for the demo, the tests and the benchmarks: no Docker, no system Java.

start(folder) downloads what is pinned in kafka-jars.txt once, starts one broker in KRaft mode with its data in the
folder and answers when it is ready; find(folder) gives the one that runs there already.
"""

from streams.broker.broker import Broker, find, start
from streams.broker.errors import BrokerError, BrokerRefused, BrokerSilent, JarRefused, JarUnavailable
from streams.broker.jars import KAFKA_VERSION, fetch

__all__ = [
    "KAFKA_VERSION",
    "Broker",
    "BrokerError",
    "BrokerRefused",
    "BrokerSilent",
    "JarRefused",
    "JarUnavailable",
    "fetch",
    "find",
    "start",
]
