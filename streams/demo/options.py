"""What the person who starts the demo can choose."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_RATE = 500.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """`rate` is purchases a second, 0 as fast as it goes. Without `seconds` the demo goes on until the year is over.

    `folder` keeps the data of Kafka and the worker after the run; without it they are removed. `bootstrap_servers`
    names a Kafka that runs already, in which the run's topics are removed at the end. `screen` gets the last view as
    SVG.
    """

    rate: float = DEFAULT_RATE
    seconds: float | None = None
    json: bool = False
    folder: Path | None = None
    bootstrap_servers: str | None = None
    screen: Path | None = None
