"""`shelfstream`: the table of commands, and how errors reach the person who typed one.

Exit codes: 0 well, 1 a problem was found, 2 wrong usage or settings, 3 too many dead letters.
"""

import errno
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from models.errors import ModelError
from schemas.errors import ContractError
from streams.errors import StreamError

# Name -> the module that holds the function or the group of commands. A module is imported when its command is used,
# so that `shelfstream kafka status` does not pay for what a worker needs.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("streams.cli.demo", "demo"),
    "worker": ("streams.cli.worker", "worker"),
    "predict": ("streams.cli.predict", "app"),
    "taxonomy": ("streams.cli.taxonomy", "taxonomy"),
    "topics": ("streams.cli.topics", "app"),
    "send": ("streams.cli.send", "send"),
    "tail": ("streams.cli.tail", "tail"),
    "kafka": ("streams.cli.kafka", "app"),
    "data": ("streams.cli.data", "app"),
    "train": ("streams.cli.train", "app"),
    "evaluate": ("streams.cli.evaluate", "app"),
    "explain": ("streams.cli.explain", "app"),
}


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table: what a newcomer needs comes first."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        return as_command(getattr(importlib.import_module(module), name), cmd_name)


def as_command(door: typer.Typer | Callable[..., None], name: str) -> Any:
    """A group of commands or one function, as Typer runs it."""
    if not isinstance(door, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name=name, cls=TyperCommand)(door)
        door = single
    command = typer.main.get_command(door)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Kafka events in; predicted attributes, categories and next wishes out.",
    epilog="Start with: shelfstream demo --seconds 30",
)


@app.callback()
def _options() -> None:
    """Kafka events in; predicted attributes, categories and next wishes out."""


def main() -> None:
    """The console script. An error of ours is one message on standard error and an exit code, never a traceback."""
    try:
        app(prog_name="shelfstream")
    except (StreamError, ContractError, ModelError) as error:
        print(f"shelfstream: {error}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 1))
    except BrokenPipeError:
        # The reader of our output, such as `head`, has had enough; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.filename is None and error.errno != errno.ENOSPC:
            raise  # not about a file that was named on the command line: a fault of ours, with its traceback
        print(f"shelfstream: {error.strerror}" + (f": {error.filename}" if error.filename else ""), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
