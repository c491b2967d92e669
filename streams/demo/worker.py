"""The worker of the demo: `shelfstream worker`, as a process of its own that never outlives this one."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from streams.config import ENV_PREFIX
from streams.errors import StreamError

READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0  # a worker ends within 10 s of SIGTERM
POLL_S = 0.1
PR_SET_PDEATHSIG = 1


class WorkerFailed(StreamError):
    """The worker ended by itself or never became ready; the message holds the end of its log."""


class WorkerProcess:
    """A running worker; its output is in `log`."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    def wait_ready(self) -> None:
        """Wait until /readyz says so. Errors: WorkerFailed."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._says_ready():
            self.check()
            if time.monotonic() > deadline:
                raise WorkerFailed(f"the worker was not ready within {READY_TIMEOUT_S:.0f} s\n{self.tail()}")
            time.sleep(POLL_S)

    def check(self) -> None:
        """Errors: WorkerFailed when it has ended."""
        code = self.process.poll()
        if code is not None:
            raise WorkerFailed(f"the worker ended by itself with exit code {code}\n{self.tail()}")

    def stop(self) -> int:
        """SIGTERM, and SIGKILL to a worker that does not heed it. Returns the exit code; once more is fine."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log, for an error message."""
        said = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return "\n".join(f"  {line[:400]}" for line in said)

    def _says_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:  # not listening yet, or 503 with the reason
            return False


@contextlib.contextmanager
def run_worker(settings: dict[str, str], log: Path) -> Iterator[WorkerProcess]:
    """A worker that is gone when the block is left. `settings` by variable name: {"TOPICS_PREFIX": "demo-"}.

    Call from the main thread: the worker also ends when the thread that started it does.
    """
    port = _free_port()
    variables = {"WEB_HOST": "127.0.0.1", "WEB_PORT": str(port), **settings}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli.main", "worker"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **{ENV_PREFIX + name: value for name, value in variables.items()}},
            # Ctrl-C goes to every process of a terminal's group; here the demo decides what ends first.
            start_new_session=True,
            preexec_fn=_die_with_parent(),  # noqa: PLW1509 - one call into libc, no Python lock is taken
        )
    worker = WorkerProcess(process, port, log)
    try:
        yield worker
    finally:
        worker.stop()


def _die_with_parent() -> Callable[[], None] | None:
    """What a child runs first so that it gets SIGTERM even if this process is killed."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # looked up here: between fork and exec nothing must be loaded
    return lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
