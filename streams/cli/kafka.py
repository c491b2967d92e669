"""`shelfstream kafka`: a real Apache Kafka on this machine, without Docker or a system Java."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from streams.cli.cluster import LOCAL_KAFKA, admin_client, servers_are_given
from streams.config import Settings, load_settings
from streams.errors import ClusterError

USUAL_PORT = 9092  # where every client looks first; taken when it is free

app = typer.Typer(no_args_is_help=True, help="A real Apache Kafka on this machine: start, stop, status.")

Data = Annotated[Path, typer.Option("--data", help="Folder of the broker's data; one broker a folder.")]


@app.command()
def start(
    data: Data = LOCAL_KAFKA,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port to listen on; default: the last one, 9092, or a free one."),
    ] = None,
    memory_mb: Annotated[int, typer.Option(min=192, help="Java heap, in MiB.")] = 512,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once it answers; it runs until `kafka stop`.")
    ] = False,
) -> None:
    """Start a broker and keep it until Ctrl-C; one that runs in the folder already is found and left alone.

    Its jars are downloaded on first use. With KAFKA_BOOTSTRAP_SERVERS set nothing is started: that cluster is used.

    Example: shelfstream kafka start --detach && shelfstream topics create
    """
    from streams import broker

    settings = load_settings()
    if servers_are_given(settings):
        print(f"nothing to start: the settings name the cluster {settings.kafka.bootstrap_servers}")
        return
    _stop_on_signals()
    try:
        running = broker.start(data, port=port, usual_port=USUAL_PORT, memory_mb=memory_mb, detached=detach)
        if not running.started_here:
            print(f"a broker runs in {data} already: {running.bootstrap_servers}")
            return
        print(f"Apache Kafka {broker.KAFKA_VERSION} is ready: {running.bootstrap_servers} (data in {data})", flush=True)
        if detach:
            return
        print("Ctrl-C ends it", file=sys.stderr)
        with running:
            code = running.wait()
    except KeyboardInterrupt:
        return
    if code != 0:
        raise ClusterError(f"the broker ended with exit code {code}; see {data / 'broker.log'}")


@app.command()
def stop(data: Data = LOCAL_KAFKA) -> None:
    """Stop the broker of the folder, cleanly; its data stays.

    Example: shelfstream kafka stop
    """
    from streams import broker

    running = broker.find(data, even_if_silent=True)
    if running is None:
        print(f"no broker runs in {data}")
        return
    running.stop()
    print(f"stopped the broker of {data}")


@app.command()
def status(data: Data = LOCAL_KAFKA) -> None:
    """Say which cluster commands use here and whether it answers; exit code 1 when none does.

    Example: shelfstream kafka status
    """
    from streams import broker

    settings = load_settings()
    if servers_are_given(settings):
        _print_cluster(settings)
        return
    running = broker.find(data)
    if running is None:
        print(f"no broker runs in {data}; start one with: shelfstream kafka start")
        raise typer.Exit(1)
    kind = "until `kafka stop`" if running.state.detached else "as long as the command that started it"
    print(f"running: {running.bootstrap_servers} (data in {data}, process {running.state.pid}, {kind})")


def _print_cluster(settings: Settings) -> None:
    servers = settings.kafka.bootstrap_servers
    with admin_client(servers) as admin:
        cluster = admin.describe_cluster()
    print(f"running: {servers}, as the settings say ({len(cluster['brokers'])} brokers)")


def _stop_on_signals() -> None:
    """SIGTERM and a closed terminal end the command as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
