"""A folder that Kafka accepts as its own: formatted by Kafka's tool once, copied with a new cluster id after that.

Formatting takes a Java process of its own, which is as slow as half a start. What it writes differs between two folders
only in two ids, so a formatted folder is kept beside the jars as a pattern.
"""

import base64
import contextlib
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from streams.broker.errors import BrokerRefused

META = "meta.properties"
PATTERN = "formatted"  # in the cache folder of this Kafka version
IDS = ("cluster.id", "directory.id")

Properties = Callable[[Path], str]  # log folder -> text of server.properties


def prepare(logs: Path, cache: Path, java: Sequence[str], properties: Properties) -> None:
    """Make `logs` a formatted folder if it is none yet. Errors: BrokerRefused, with what Kafka's tool said."""
    if (logs / META).exists():
        return
    pattern = cache / PATTERN
    if not (pattern / META).exists():
        _make_pattern(pattern, java, properties)
    with tempfile.TemporaryDirectory(prefix=".logs-", dir=logs.parent) as folder:
        copy = Path(folder) / "logs"
        shutil.copytree(pattern, copy)
        meta = copy / META
        meta.write_text(with_new_ids(meta.read_text(encoding="utf-8")), encoding="utf-8")
        if logs.exists():
            shutil.rmtree(logs)  # half a format: without its meta.properties no broker ever wrote there
        copy.replace(logs)


def with_new_ids(meta: str) -> str:
    """The text of a meta.properties with ids that no other folder has."""
    for name in IDS:
        meta = re.sub(rf"(?m)^{re.escape(name)}=.*$", f"{name}={new_id()}", meta)
    return meta


def new_id() -> str:
    """A random id as Kafka writes them: 16 bytes in base64 for file names, never beginning with a dash."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _make_pattern(pattern: Path, java: Sequence[str], properties: Properties) -> None:
    with tempfile.TemporaryDirectory(prefix=".format-", dir=pattern.parent) as folder:
        logs, config = Path(folder) / "logs", Path(folder) / "server.properties"
        config.write_text(properties(logs), encoding="utf-8")
        command = [*java, "kafka.tools.StorageTool", "format", "-t", new_id(), "-c", str(config)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BrokerRefused(f"Kafka could not format a folder:\n{(done.stdout + done.stderr).strip()}")
        with contextlib.suppress(OSError):  # another process made it meanwhile: as good
            logs.replace(pattern)
