"""What a soak looks at is that of the program and all that it started."""

import time
from pathlib import Path

from benchmarks.processes import Worker, running

OPENS = """
import subprocess, sys, threading, time
if len(sys.argv) > 1:
    kept = [open(__import__("os").devnull) for _ in range(20)]
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    child = subprocess.Popen([sys.executable, "-c", "import time; print('child', flush=True); time.sleep(60)"])
print("open", flush=True)
time.sleep(60)
"""


def wait_for(worker: Worker, *words: str) -> None:
    deadline = time.monotonic() + 30
    while not all(word in worker.tail() for word in words):
        assert worker.alive(), worker.tail()
        assert time.monotonic() < deadline, worker.tail()
        time.sleep(0.02)


def test_handles_threads_and_memory_of_the_whole_family_are_counted(tmp_path: Path) -> None:
    with (
        running(["-c", OPENS], {}, tmp_path / "few.log") as few,
        running(["-c", OPENS, "many"], {}, tmp_path / "many.log") as many,
    ):
        wait_for(few, "open")
        wait_for(many, "open", "child")
        assert many.handles() - few.handles() >= 20
        assert (few.threads(), many.threads()) == (1, 3)
        assert many.resident_bytes() > 1.5 * few.resident_bytes()
        assert 0 < many.pss_bytes() < many.resident_bytes()
    assert (many.handles(), many.threads(), many.pss_bytes()) == (0, 0, 0)
