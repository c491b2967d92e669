"""Which cluster a command talks to, and a connection to it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.config import Settings, load_settings
from streams.errors import ClusterError

LOCAL_KAFKA = Path(".shelfstream/kafka")
CONNECT_TIMEOUT_MS = 8_000
REQUEST_TIMEOUT_MS = 30_000

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file; default: shelfstream.toml, if here.")
]
ServersOption = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        help="host:port of the cluster; default: as in the settings, else the broker of `shelfstream kafka start`.",
    ),
]
PrefixOption = Annotated[str | None, typer.Option("--topic-prefix", help="Put before every topic name.")]


def settings_for(config: Path | None, bootstrap_servers: str | None, prefix: str | None = None) -> Settings:
    """The settings with a command's flags on top. Errors: ConfigError."""
    return load_settings(config, {"kafka.bootstrap_servers": bootstrap_servers, "topics.prefix": prefix})


def servers_are_given(settings: Settings) -> bool:
    """Whether a flag, a variable or the settings file names a cluster."""
    return "kafka" in settings.model_fields_set and "bootstrap_servers" in settings.kafka.model_fields_set


def servers_of(settings: Settings, local: Path = LOCAL_KAFKA) -> str:
    """The cluster that is named, else the broker that runs in `local`, else the default address."""
    if not servers_are_given(settings):
        from streams.broker import find

        running = find(local)
        if running is not None:
            return running.bootstrap_servers
    return settings.kafka.bootstrap_servers


@contextmanager
def translated(servers: str) -> Iterator[None]:
    """Errors of the Kafka client become ClusterError, whose text names the cluster and the way out."""
    from kafka.errors import KafkaError

    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # the error raised says it once; its log says it ten times
    try:
        yield
    except (KafkaError, OSError, ValueError) as error:
        raise ClusterError(
            f"the Kafka at {servers} does not answer as it should ({error or type(error).__name__}). Start one with "
            "`shelfstream kafka start`, or name yours with --bootstrap-servers or KAFKA_BOOTSTRAP_SERVERS"
        ) from error


@contextmanager
def admin_client(servers: str) -> Iterator[Any]:
    """A kafka-python admin client, closed at the end. Errors: ClusterError."""
    from streams.admin import Admin

    with translated(servers):
        client = Admin(
            bootstrap_servers=servers.split(","),
            bootstrap_timeout_ms=CONNECT_TIMEOUT_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            yield client
        finally:
            client.close()
