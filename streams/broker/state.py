"""Which broker runs in a folder: a lock that lives as long as its processes, and a file that says how to reach it.

The lock decides. The supervisor and the Java process inherit it, so the kernel frees it when the last of them is gone,
however it ended; broker.json without the lock held is left over from a crash and means nothing.
"""

import fcntl
import json
import os
import signal
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

LOCK_FILE = "broker.lock"
STATE_FILE = "broker.json"


@dataclass(frozen=True, slots=True)
class BrokerState:
    """What broker.json holds. `started` tells the supervisor from a later process that got the same pid.

    `owner` is the process that the broker ends with, 0 for none.
    """

    pid: int
    started: str
    port: int
    owner: int = 0
    owner_started: str = ""
    stopping: bool = False

    @property
    def detached(self) -> bool:
        """Whether it runs until it is stopped."""
        return self.owner == 0

    @property
    def is_ending(self) -> bool:
        """Whether it was told to end, or will be as soon as its supervisor sees that its owner is gone."""
        return self.stopping or (self.owner != 0 and process_started(self.owner) != self.owner_started)


def try_lock(data: Path, *, shared: bool = False) -> int | None:
    """Take the folder's lock without waiting: an inheritable descriptor, or None when a broker or starter holds it."""
    handle = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def is_locked(data: Path) -> bool:
    """Whether a broker runs, starts or ends in the folder."""
    if not (data / LOCK_FILE).exists():
        return False
    # Shared: two processes that only look never take one another for a broker.
    handle = try_lock(data, shared=True)
    if handle is None:
        return True
    os.close(handle)
    return False


def read_state(data: Path) -> BrokerState | None:
    """What broker.json says; None when there is none, or it is not whole."""
    try:
        return BrokerState(**json.loads((data / STATE_FILE).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_state(data: Path, state: BrokerState) -> None:
    """Replace broker.json at once, so that nobody reads half of it."""
    partial = data / f"{STATE_FILE}.{os.getpid()}"
    partial.write_text(json.dumps(asdict(state)), encoding="utf-8")
    partial.replace(data / STATE_FILE)


def process_started(pid: int) -> str | None:
    """A text that differs between two processes with the same pid; None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return None
        listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return listed.stdout.strip() or None
    except ProcessLookupError:
        return None
    # The name in brackets may hold spaces; start time is the 22nd field of the line, the 20th after the brackets.
    return stat.rpartition(")")[2].split()[19]


def send_signal(state: BrokerState, number: signal.Signals) -> bool:
    """Signal the supervisor; False when that process is gone, even if another one has its pid by now."""
    if process_started(state.pid) != state.started:
        return False
    try:
        os.kill(state.pid, number)
    except ProcessLookupError:
        return False
    return True
