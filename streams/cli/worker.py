"""`shelfstream worker`: the job itself."""

import logging
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from streams.cli.cluster import servers_are_given, servers_of
from streams.config import Settings, load_settings, setting_names
from streams.errors import StreamError


def worker(
    config: Annotated[Path | None, typer.Option(help="Settings file; default: shelfstream.toml if it is here.")] = None,
    check_config: Annotated[bool, typer.Option("--check-config", help="Print all settings and end.")] = False,
    bootstrap_servers: Annotated[str | None, typer.Option(help="host:port of the cluster.")] = None,
    name: Annotated[str | None, typer.Option(help="Consumer group of the workers (name).")] = None,
    agent: Annotated[list[str] | None, typer.Option(help="Run only this agent: products, behaviour or demand.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda (device).")] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Folder of the local tables (state.dir).")] = None,
    topic_prefix: Annotated[str | None, typer.Option(help="Put before every topic name (topics.prefix).")] = None,
    max_events: Annotated[int | None, typer.Option(help="Records in one window at most (batch.max_events).")] = None,
    max_wait_ms: Annotated[float | None, typer.Option(help="Longest wait of a window (batch.max_wait_ms).")] = None,
    web_port: Annotated[int | None, typer.Option(help="Port of /metrics, /healthz, /readyz (web.port).")] = None,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Answer product and behaviour events until told to stop (SIGTERM or Ctrl-C).

    Where no cluster is named, the broker of `shelfstream kafka start` is used if it runs here.

    Exit codes: 0 stopped as asked, 1 an error (restart it: nothing is lost), 2 wrong settings, 3 too many dead letters.

    Example: shelfstream worker --bootstrap-servers kafka:9092 --state-dir /var/lib/shelfstream --web-port 6066
    """
    flags: dict[str, Any] = {
        "name": name,
        "agents": agent or None,
        "device": device,
        "kafka.bootstrap_servers": bootstrap_servers,
        "state.dir": state_dir,
        "topics.prefix": topic_prefix,
        "batch.max_events": max_events,
        "batch.max_wait_ms": max_wait_ms,
        "web.port": web_port,
    }
    settings = load_settings(config, flags)
    if not servers_are_given(settings):
        settings = load_settings(config, flags | {"kafka.bootstrap_servers": servers_of(settings)})
    if check_config:
        Console().print(_table(settings))
        return
    raise typer.Exit(run(settings, log_level))


def run(settings: Settings, log_level: str = "INFO") -> int:
    """Check the cluster, build the worker, run it; returns the exit code. Errors: StreamError before it runs."""
    from streams.transport.cluster import check_partitions, wait_for_cluster

    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("kafka", "aiokafka", "faust", "mode"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(log_level)))
    admin = wait_for_cluster(settings.kafka.bootstrap_servers, settings.kafka.connect_timeout_s)
    try:
        check_partitions(admin, _topics(settings))
    finally:
        admin.close()
    from streams.app import build_worker  # here, because torch takes seconds to import and a wrong setting should not
    from streams.run import run_worker

    return run_worker(build_worker(settings), settings)


def _topics(settings: Settings) -> dict[str, int]:
    from schemas.topics import DEMAND_TOPICS, TOPICS

    unused = () if "demand" in settings.agents else DEMAND_TOPICS
    return {settings.topics.prefix + spec.name: settings.topics.partitions for spec in TOPICS if spec not in unused}


def _table(settings: Settings) -> Table:
    table = Table(title="settings", box=None, title_justify="left")
    for column in ("setting", "value", "meaning"):
        table.add_column(column, overflow="fold")
    values: dict[str, Any] = settings.model_dump(mode="json")
    for setting, meaning in setting_names().items():
        group, _, key = setting.rpartition(".")
        table.add_row(setting, str(values[group][key] if group else values[key]), meaning)
    return table


if __name__ == "__main__":
    try:
        typer.run(worker)
    except StreamError as error:
        raise SystemExit(str(error)) from error
