"""The jars of Apache Kafka: pinned by coordinates and SHA-256, downloaded once, kept in the user's cache folder."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import platformdirs
from maven_artifact import Artifact, Downloader
from requests import RequestException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from streams.broker.errors import JarRefused, JarUnavailable

KAFKA_VERSION = "4.3.0"
PARALLEL_DOWNLOADS = 8
ATTEMPTS = 5  # with waits of up to 1, 2, 4 and 8 s between them
TIMEOUT_S = 60.0
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of kafka-jars.txt: Maven coordinates and the SHA-256 that its bytes must have."""

    group: str
    name: str
    version: str
    sha256: str

    @property
    def coordinates(self) -> str:
        """group:name:version"""
        return f"{self.group}:{self.name}:{self.version}"

    @property
    def filename(self) -> str:
        """Its name in the cache folder."""
        return f"{self.name}-{self.version}.jar"


Save = Callable[[Jar, Path], None]  # writes the jar's bytes to that path


def parse(text: str) -> list[Jar]:
    """Read lines of `group:name:version sha256:digest`; empty lines are passed over."""
    jars = []
    for line in filter(None, text.splitlines()):
        coordinates, digest = line.split(" sha256:")
        group, name, version = coordinates.split(":")
        jars.append(Jar(group, name, version, digest))
    return jars


def pinned() -> list[Jar]:
    """The jars of this version, in the order of the class path."""
    return parse(resources.files("streams.broker").joinpath("kafka-jars.txt").read_text(encoding="utf-8"))


def default_cache() -> Path:
    """The folder where the jars of this Kafka version stay between runs."""
    return platformdirs.user_cache_path("shelfstream") / f"kafka-{KAFKA_VERSION}"


def fetch(cache: Path | None = None, *, show_progress: bool = True) -> list[Path]:
    """Have every pinned jar in the cache folder and return their paths in class path order.

    Jars that are there already are only checked. Errors: JarUnavailable, JarRefused.
    """
    folder = cache or default_cache()
    folder.mkdir(parents=True, exist_ok=True)
    jars = pinned()
    missing = [jar for jar in jars if not (folder / jar.filename).exists()]
    if missing:
        fetch_missing(missing, folder, save_from_maven, show_progress=show_progress)
    for jar in jars:
        check(jar, folder / jar.filename)
    return [folder / jar.filename for jar in jars]


def fetch_missing(jars: Iterable[Jar], folder: Path, save: Save, *, show_progress: bool) -> None:
    """Download jars side by side; none is visible under its name before its digest was found right."""
    jars = list(jars)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=Console(stderr=True), disable=not show_progress) as progress,
        ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool,
    ):
        task = progress.add_task(f"Downloading Apache Kafka {KAFKA_VERSION}", total=len(jars))
        for _ in pool.map(lambda jar: _fetch_one(jar, folder, save), jars):
            progress.advance(task)


def check(jar: Jar, path: Path) -> None:
    """Refuse and remove a file whose bytes are not the pinned ones. Errors: JarRefused."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        path.unlink()
        raise JarRefused(
            f"{jar.coordinates} has SHA-256 {found}, pinned is {jar.sha256}; {path} was removed. Start again to "
            "download it once more; if that fails too, something between here and the repository changes files"
        )


@retry(
    retry=retry_if_exception_type(RequestException),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_random_exponential(multiplier=1, max=8),
    reraise=True,
)
def save_from_maven(jar: Jar, path: Path) -> None:
    """Download a jar from Maven's central repository, with retries. Errors: requests.RequestException."""
    downloader = Downloader()
    url = downloader.resolver.uri_for_artifact(Artifact(jar.group, jar.name, jar.version))
    with downloader.requestor.request(url, None, stream=True, timeout=TIMEOUT_S) as response, path.open("wb") as file:
        for chunk in response.iter_content(CHUNK_BYTES):
            file.write(chunk)


def _fetch_one(jar: Jar, folder: Path, save: Save) -> None:
    # A name of its own: two processes may fill one cache at the same time, and the later rename changes nothing.
    handle, name = tempfile.mkstemp(prefix=f".{jar.filename}.", dir=folder)
    os.close(handle)
    partial = Path(name)
    try:
        save(jar, partial)
        check(jar, partial)
        partial.replace(folder / jar.filename)
    except RequestException as error:
        raise JarUnavailable(
            f"cannot download {jar.coordinates} of Apache Kafka after {ATTEMPTS} attempts: {error}. Check the network, "
            "or set KAFKA_BOOTSTRAP_SERVERS to use a Kafka that runs already"
        ) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
