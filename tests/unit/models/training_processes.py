"""Trainings in processes of their own: one, or two under torchrun; and what they leave in their folder."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models.train.checkpoint import FILE

PATIENCE_S = 300  # two minutes where ten others compute on two cores; seconds otherwise
ROOT = Path(__file__).parents[3]


def alone(module: str) -> list[str]:
    """The command that runs a module."""
    return [sys.executable, "-m", module]


def together(module: str) -> list[str]:
    """The command that runs a module in two processes."""
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", module]


def start(command: list[str]) -> subprocess.Popen[str]:
    """Begin."""
    quiet = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        command, cwd=ROOT, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a process printed last, when it has ended well."""
    try:
        out, complaints = process.communicate(timeout=PATIENCE_S)
    finally:
        kill(process)
    assert process.returncode == 0, complaints
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


def kill(process: subprocess.Popen[str]) -> None:
    """With the processes that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def losses(folder: Path) -> list[tuple[int, float]]:
    """Step and loss from the logs of a run."""
    events = EventAccumulator(str(folder / "logs"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars("train/loss")]


def place(folder: Path) -> dict[str, Any]:
    """How far the last checkpoint of a run is."""
    file = folder / "checkpoints" / FILE
    if not file.exists():
        return {"step": 0, "errors": []}
    found: dict[str, Any] = torch.load(file, weights_only=True)["state"]["place"]
    return found
