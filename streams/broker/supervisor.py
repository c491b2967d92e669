"""The process between shelfstream and Java: ends the broker when asked, and when the process that started it is gone.

Run by path with the standard library only, so that it starts in a few milliseconds:
    supervisor.py WATCHED_PID LOCK_FD GRACE_S STATE_FILE COMMAND...
WATCHED_PID 0 watches nobody. The lock of LOCK_FD stays held until this process and Java are both gone.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

PARENT_CHECK_S = 0.25
PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Run the command until it ends, a signal asks to stop, or the watched parent is gone. Returns its exit code."""
    watched, lock, grace_s = int(arguments[0]), int(arguments[1]), float(arguments[2])
    state_file, command = Path(arguments[3]), arguments[4:]
    asked = _Asked()
    wake = _wake_on_signals(asked)
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def die_with_supervisor() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=(lock,),
        preexec_fn=die_with_supervisor,  # noqa: PLW1509 - this process has one thread
    )
    while child.poll() is None:
        if asked.to_stop or (watched and os.getppid() != watched):
            _mark_stopping(state_file)
            _end(child, grace_s)
            break
        select.select([wake], [], [], PARENT_CHECK_S)
        with contextlib.suppress(BlockingIOError):
            os.read(wake, 512)
    state_file.unlink(missing_ok=True)
    return child.wait()


class _Asked:
    """Whether a signal asked to stop."""

    def __init__(self) -> None:
        self.to_stop = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.to_stop = True


def _wake_on_signals(asked: _Asked) -> int:
    """A descriptor that becomes readable at each signal, so that the loop sleeps instead of polling fast."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, asked)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    return reader


def _mark_stopping(state_file: Path) -> None:
    """Tell starters to wait for the end of this broker rather than use it."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        state = json.loads(state_file.read_text(encoding="utf-8"))
        partial = state_file.with_name(f"{state_file.name}.{os.getpid()}")
        partial.write_text(json.dumps(state | {"stopping": True}), encoding="utf-8")
        partial.replace(state_file)


def _end(child: "subprocess.Popen[bytes]", grace_s: float) -> None:
    child.terminate()
    try:
        child.wait(grace_s)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
