"""The sets of behaviour that `shelfstream train behaviour --set NAME` can learn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import TrainingError
from models.train import behaviour, items, session


@dataclass(frozen=True, slots=True)
class Set:
    """What a set is trained into."""

    kind: str  # of the artifact
    needs_data: bool  # or its data come with a package


SETS = {"grocery": Set("behaviour", False), "gifts": Set("items", True), "store": Set("session", True)}


def train(
    name: str, data: Path | None, output: Path, *, epochs: int | None, seed: int, progress: bool
) -> dict[str, Any]:
    """Train and store the model of a set. Errors: TrainingError for no such set or no data, DataError."""
    if name not in SETS:
        raise TrainingError(f"there is no set {name}; choose of {', '.join(SETS)}")
    if not SETS[name].needs_data:
        return behaviour.train(output, epochs=epochs, seed=seed, progress=progress)
    if data is None:
        raise TrainingError(f"the set {name} needs the folder of the data sets; give it with --data")
    fit = items.train if name == "gifts" else session.train
    return fit(data, output, epochs=epochs, seed=seed, progress=progress)
