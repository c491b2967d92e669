"""Our programs as processes of their own: each with a session, a folder, an environment and a log.

A fork of one process that has the imports done starts in a tenth of the time that `python -m` takes, and runs the same
module in the same way.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path
from unittest import mock

# Not the module that is run itself, which is to run anew.
IMPORTS = ["streams.cli.worker", "streams.run", "streams.app", "models.predict", "faust.cli.faust"]
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(IMPORTS)


class Command:
    """A command line."""

    def __init__(self, line: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                line, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self.pid = self._process.pid

    def exit_code(self, wait_s: float = 0) -> int | None:
        """What it ended with, below 0 a signal; None if it still runs after so long."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(wait_s)
        return None


class Fork:
    """A module with its arguments, as `python -m` runs it."""

    def __init__(
        self,
        program: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        log: Path,
        errors: Path | None = None,
    ) -> None:
        with mock.patch.dict(os.environ, OMP_NUM_THREADS="1"):  # read by what is imported
            forkserver.ensure_running()
        self._process = _CONTEXT.Process(target=_run, args=(program, folder, dict(environment), log, errors or log))
        self._process.start()
        self.pid = self._process.pid or 0
        while self._process.is_alive() and not self._leads_a_session():
            time.sleep(0.001)

    def exit_code(self, wait_s: float = 0) -> int | None:
        """What it ended with, below 0 a signal; None if it still runs after so long."""
        self._process.join(wait_s)
        return self._process.exitcode

    def _leads_a_session(self) -> bool:
        with suppress(ProcessLookupError):
            return os.getsid(self.pid) == self.pid
        return False


def shelfstream(
    *arguments: str, folder: Path, environment: Mapping[str, str], timeout_s: float = 150
) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end. Errors: AssertionError when it does not end in time."""
    with tempfile.TemporaryDirectory() as said:
        out, errors = Path(said, "out"), Path(said, "errors")
        program = Fork(["streams.cli.main", *arguments], folder, environment, out, errors)
        code = program.exit_code(timeout_s)
        if code is None:
            os.killpg(program.pid, signal.SIGKILL)
        assert code is not None, f"{arguments} did not end in {timeout_s:g} s:\n{out.read_text()}{errors.read_text()}"
        return subprocess.CompletedProcess(arguments, code, out.read_text(), errors.read_text())


def _run(program: Sequence[str], folder: Path, environment: dict[str, str], log: Path, errors: Path) -> None:
    os.setsid()
    for number, file in ((1, log), (2, errors)):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    module, *arguments = program
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
