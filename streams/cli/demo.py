"""`shelfstream demo`: see it work, and have it checked."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from streams.demo.options import DEFAULT_RATE, DemoOptions

INTERRUPTED = 130  # as shells have it for Ctrl-C


def demo(
    seconds: Annotated[
        float | None,
        typer.Option(min=1, help="End after so many seconds of events; default: after the year."),
    ] = None,
    rate: Annotated[float, typer.Option(min=0, help="Purchases a second; 0 is as fast as it goes.")] = DEFAULT_RATE,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end, nothing else.")] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Keep the data of Kafka and the worker here; default: a temporary folder.")
    ] = None,
    bootstrap_servers: Annotated[
        str | None,
        typer.Option(envvar="KAFKA_BOOTSTRAP_SERVERS", help="Use this Kafka, with topics that are removed at the end."),
    ] = None,
    save_screen: Annotated[Path | None, typer.Option(help="Write the last view as an SVG picture.")] = None,
) -> None:
    """Start Kafka and a worker, send products and a year of purchases through them, and show what is predicted.

    Exit codes: 0 every event has its predictions; 1 counts do not match or something failed; 130 stopped at the start.

    Example: shelfstream demo --seconds 30 --json
    """
    from streams.demo.run import run_demo
    from streams.demo.summary import summarize

    console = Console(stderr=as_json)
    options = DemoOptions(rate, seconds, as_json, folder, bootstrap_servers, save_screen)
    try:
        report = run_demo(options, console)
    except KeyboardInterrupt:
        console.print("stopped")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report.facts), indent=2).decode() + "\n")
    else:
        console.print(summarize(report))
    raise typer.Exit(report.exit_code)
