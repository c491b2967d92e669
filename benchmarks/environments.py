"""An environment of its own for each peer, so that no engine is held to the versions another one needs.

`python -m benchmarks.environments lock` writes peers/requirements/<name>.txt anew from <name>.in. An environment is set
up on first use under .shelfstream/bench, from the lock file alone, and again when that file or Python has changed.
"""

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "peers" / "requirements"
CACHE = Path(__file__).parents[1] / ".shelfstream" / "bench"
INSTALL_SECONDS = 600
UV = [sys.executable, "-m", "uv"]


class LeftOut(RuntimeError):
    """A peer cannot be run here; the message says why."""


@dataclass(frozen=True)
class Environment:
    """An environment that is there."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Where its packages are."""
        return self.folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    def versions(self, *names: str) -> dict[str, str]:
        """The installed versions of these packages, in this order; those that are not there are left out."""
        found = {package.name: package.version for package in distributions(path=[str(self.packages)])}
        return {name: found[name] for name in names if name in found}


def prepare(name: str, cache: Path = CACHE) -> Environment:
    """The environment of peers/requirements/<name>.txt, set up if it is not there. Errors: LeftOut."""
    lock = REQUIREMENTS / f"{name}.txt"
    environment, stamp = Environment(cache / name), cache / name / "stamp"
    wanted = f"{sys.version} {hashlib.sha256(lock.read_bytes()).hexdigest()}\n"
    if stamp.exists() and stamp.read_text() == wanted:
        return environment
    print(f"setting up {environment.folder} …", file=sys.stderr, flush=True)
    environment.folder.parent.mkdir(parents=True, exist_ok=True)
    _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(environment.folder))
    python = str(environment.python)
    _uv("pip", "install", "--quiet", "--python", python, "--require-hashes", "--requirement", str(lock))
    stamp.write_text(wanted)
    return environment


def lock_all() -> None:
    """Write every lock file anew, as `make lock` does for the project's own: hashes, and no names of hosts."""
    flags = ("--quiet", "--universal", "--python-version", "3.11", "--generate-hashes")
    bare = ("--no-emit-index-url", "--no-header", "--no-annotate")
    for wanted in sorted(REQUIREMENTS.glob("*.in")):
        _uv("pip", "compile", *flags, *bare, str(wanted), "--output-file", str(wanted.with_suffix(".txt")))


def _uv(*arguments: str) -> None:
    try:
        subprocess.run([*UV, *arguments], check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        lines = [line.strip() for line in error.stderr.splitlines() if line.strip()]
        raise LeftOut(f"uv {arguments[0]} failed: {' '.join(lines[-4:])}") from error
    except subprocess.TimeoutExpired as error:
        raise LeftOut(f"uv {arguments[0]} took longer than {INSTALL_SECONDS} s") from error


if __name__ == "__main__":
    if sys.argv[1:] != ["lock"]:
        raise SystemExit("usage: python -m benchmarks.environments lock")
    lock_all()
