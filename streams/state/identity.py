"""A name for whoever works with a state folder, which a restart has again."""

from contextlib import suppress
from pathlib import Path
from uuid import uuid4

FILE = "worker-id"


def worker_id(folder: Path) -> str:
    """The id in the folder, made when it is first asked for. Errors: OSError if it cannot be written."""
    path = folder / FILE
    with suppress(FileExistsError), path.open("x") as file:
        file.write(uuid4().hex)
    return path.read_text().strip()
