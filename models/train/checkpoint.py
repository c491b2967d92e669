"""Where a training run stands, on disk: enough to go on after a kill as if nothing had happened.

The file is written beside, flushed and renamed: a kill leaves the last whole one. It is read without running code that
may be in it (torch's `weights_only`).
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch

from models.errors import TrainingError

FILE = "latest.pt"
EVERY_S = 60.0  # a checkpoint of the fast tier takes a second: under 2 % of the time


class Checkpoints:
    """The checkpoint of one run in a folder of its own."""

    def __init__(
        self, folder: Path, identity: Mapping[str, Any], *, resume: bool = False, every_s: float = EVERY_S
    ) -> None:
        """`identity` is what makes the run what it is (recipe, seed, data), as JSON-able values.

        Errors: TrainingError when the folder holds a checkpoint and `resume` is not asked for.
        """
        self._file = folder / FILE
        self._identity = msgspec.to_builtins(dict(identity))
        self._every_s = every_s
        self._written = time.monotonic()
        if self._file.exists() and not resume:
            raise TrainingError(f"{folder} holds the checkpoint of a run; go on with --resume, or give another folder")

    def due(self) -> bool:
        """Whether the last one is old enough for another."""
        return time.monotonic() - self._written >= self._every_s

    def read(self, device: torch.device) -> dict[str, Any] | None:
        """The state that was written last; None when the run has not begun.

        Errors: TrainingError when the file is of another run, or cannot be read.
        """
        if not self._file.exists():
            return None
        try:
            found = torch.load(self._file, map_location=device, weights_only=True)
            theirs, state = msgspec.json.decode(found["identity"]), found["state"]
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError, ValueError) as error:
            raise TrainingError(f"{self._file} is not a checkpoint: {error}; remove it to begin anew") from error
        names = sorted(self._identity.keys() | theirs.keys())
        other = [name for name in names if self._identity.get(name) != theirs.get(name)]
        if other:
            differ = "; ".join(f"{name} was {theirs.get(name)}, is {self._identity.get(name)}" for name in other)
            raise TrainingError(f"{self._file} is of another run: {differ}; give another folder")
        return dict(state)

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the last one."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".draft")
        with draft.open("wb") as file:
            torch.save({"identity": msgspec.json.encode(self._identity), "state": dict(state)}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)
        self._written = time.monotonic()
