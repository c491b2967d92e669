"""The supervisor ends its child when asked, when its parent is gone, and by force when it must."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from streams.broker import supervisor

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
QUIET = "import time; print('up', flush=True); time.sleep(60)"


def supervise(state_file: Path, code: str, *, watched: int, grace_s: float = 5) -> "subprocess.Popen[str]":
    lock = os.open(state_file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)
    state_file.write_text(json.dumps({"stopping": False}))
    arguments = [str(watched), str(lock), str(grace_s), str(state_file), sys.executable, "-c", code]
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", supervisor.__file__, *arguments],
        pass_fds=(lock,),
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(lock)
    return process


def wait_for_up(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"


def test_sigterm_ends_the_child_and_removes_the_state(tmp_path: Path) -> None:
    process = supervise(tmp_path / "s.json", QUIET, watched=os.getpid())
    wait_for_up(process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode != 0
    assert not (tmp_path / "s.json").exists()


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    process = supervise(tmp_path / "s.json", DEAF, watched=os.getpid(), grace_s=0.3)
    wait_for_up(process)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert 0.3 <= time.monotonic() - began < 5


def test_a_parent_that_is_gone_ends_the_child(tmp_path: Path) -> None:
    someone_else = os.getppid()  # not the supervisor's parent, as after the parent's death
    process = supervise(tmp_path / "s.json", QUIET, watched=someone_else)
    process.communicate(timeout=10)
    assert not (tmp_path / "s.json").exists()


def test_a_child_that_ends_gives_its_exit_code(tmp_path: Path) -> None:
    process = supervise(tmp_path / "s.json", "raise SystemExit(7)", watched=0)
    process.communicate(timeout=10)
    assert process.returncode == 7
