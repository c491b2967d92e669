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
ALWAYS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}


class Worker:
    """A running Python program and the processes that it started; its output is in `log`."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path, python: Path | None) -> None:
        self.log = log
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [str(python or sys.executable), *arguments],
                cwd=ROOT,
                env={**os.environ, **ALWAYS, **environment},
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
        return sum(_resident(process) for process in self._family())

    def peak_bytes(self) -> int:
        """The most that was ever resident, as the kernel kept it for each process, added up."""
        return sum(_peak(process) for process in self._family())

    def pss_bytes(self) -> int:
        """Resident memory with what processes share divided among them; 0 where the kernel does not say."""
        return sum(_pss(process) for process in self._family())

    def handles(self) -> int:
        """Open file handles of the program and what it started."""
        return sum(_count(process, "num_fds") for process in self._family())

    def threads(self) -> int:
        """Threads of the program and what it started."""
        return sum(_count(process, "num_threads") for process in self._family())

    def cpu_seconds(self) -> float:
        """User and system time so far, of the program and what it started."""
        return sum(_cpu(process) for process in self._family())

    def tail(self, lines: int = 15) -> str:
        """The last lines of its output, for an error message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, patience_seconds: float = 15.0) -> int:
        """SIGTERM, then SIGKILL to whatever is left of it and of what it started; tells the exit status."""
        if self.alive():
            self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_seconds)
        self._kill()
        return self._process.wait(10)

    def kill(self) -> None:
        """SIGKILL at once, as a crash would."""
        self._kill()
        self._process.wait(10)

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._of_system, *self._of_system.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _peak(process: psutil.Process) -> int:
    """What is resident now where the kernel keeps no such count."""
    try:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return _resident(process)


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, AttributeError):
        return 0


def _count(process: psutil.Process, what: str) -> int:
    try:
        return int(getattr(process, what)())
    except psutil.Error:
        return 0


def _cpu(process: psutil.Process) -> float:
    """Also the time of children that have ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


@contextmanager
def running(
    arguments: list[str], environment: dict[str, str], log: Path, python: Path | None = None
) -> Iterator[Worker]:
    """A worker that is gone when the block is left, however it is left. `python`: another environment's."""
    worker = Worker(arguments, environment, log, python)
    try:
        yield worker
    finally:
        worker.stop()
