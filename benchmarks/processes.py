"""Start a worker as a program of its own, follow its memory, end it for certain."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


class Worker:
    """A running program; its output is in `log`."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**os.environ, **THREADS, **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._of_system = psutil.Process(self._process.pid)

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def resident_bytes(self) -> int:
        """Resident memory of the program and what it started; 0 when it is gone."""
        try:
            family = [self._of_system, *self._of_system.children(recursive=True)]
            return sum(process.memory_info().rss for process in family)
        except psutil.NoSuchProcess:
            return 0

    def peak_bytes(self) -> int:
        """The most that was ever resident, as the kernel kept it; the present value where there is no such count."""
        try:
            for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        except OSError:
            pass
        return self.resident_bytes()

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        try:
            times = self._of_system.cpu_times()
        except psutil.NoSuchProcess:
            return 0.0
        return float(times.user + times.system)

    def tail(self, lines: int = 15) -> str:
        """The last lines of its output, for an error message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, patience_seconds: float = 15.0) -> int:
        """SIGTERM, then SIGKILL to whatever is left of it; tells the exit status."""
        if self.alive():
            self._process.terminate()
        try:
            return self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._kill()
            return self._process.wait(10)

    def kill(self) -> None:
        """SIGKILL at once, as a crash would."""
        self._kill()
        self._process.wait(10)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


@contextmanager
def running(arguments: list[str], environment: dict[str, str], log: Path) -> Iterator[Worker]:
    """A worker that is gone when the block is left, however it is left."""
    worker = Worker(arguments, environment, log)
    try:
        yield worker
    finally:
        worker.stop()
