"""The jar that PyFlink needs for Kafka: pinned and fetched as those of Kafka itself are (streams/broker/jars.py)."""

from pathlib import Path

from requests import RequestException

from benchmarks.environments import REQUIREMENTS, LeftOut
from streams.broker.errors import JarRefused
from streams.broker.jars import check, parse, save_from_maven

PINNED = parse((REQUIREMENTS / "pyflink-jars.txt").read_text(encoding="utf-8"))


def fetch(folder: Path) -> list[Path]:
    """The pinned jars in this folder, downloaded if they are not there, checked in any case. Errors: LeftOut."""
    paths = []
    for jar in PINNED:
        path, partial = folder / jar.filename, folder / f"{jar.filename}.part"
        try:
            if not path.exists():
                save_from_maven(jar, partial)
                partial.replace(path)
            check(jar, path)
        except (RequestException, JarRefused) as error:
            raise LeftOut(f"{jar.coordinates} cannot be had: {error}") from error
        paths.append(path)
    return paths
