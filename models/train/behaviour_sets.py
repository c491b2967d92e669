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
    name: str,
    data: Path | None,
    output: Path,
    *,
    epochs: int | None,
    seed: int,
    progress: bool,
    begin: Path | None = None,
) -> dict[str, Any]:
    """Train and store the model of a set; `begin`, an artifact to go on with, is for grocery alone.

    Errors: TrainingError for no such set, no data, or a `begin` that the set has no use for; DataError; ArtifactError.
    """
    if name not in SETS:
        raise TrainingError(f"there is no set {name}; choose of {', '.join(SETS)}")
    if not SETS[name].needs_data:
        return behaviour.train(output, epochs=epochs, seed=seed, progress=progress, begin=begin)
    if begin is not None:
        raise TrainingError(f"the set {name} cannot go on with an artifact; leave --begin out")
    if data is None:
        raise TrainingError(f"the set {name} needs the folder of the data sets; give it with --data")
    fit = items.train if name == "gifts" else session.train
    return fit(data, output, epochs=epochs, seed=seed, progress=progress)
