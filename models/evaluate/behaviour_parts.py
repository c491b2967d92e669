"""The behaviour models in one go: `shelfstream evaluate behaviour`.

grocery    next categories and products of households; its data come with a package
gifts      the next item of a gift shop's customers
store      whether a session of an electronics store still brings a purchase
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.errors import DataError
from models.evaluate import behaviour, items, store
from models.evaluate.slices import GAP

GROCERY, GIFTS, STORE = "grocery", "gifts", "store"
PARTS = (GROCERY, GIFTS, STORE)


def evaluate(
    data: Path | None,
    artifact: Path | None = None,
    *,
    parts: Sequence[str] = (),
    baselines: bool = True,
    households: int | None = None,
    progress: bool = True,
    gap: float = GAP,
) -> dict[str, Any]:
    """Figures of the `parts` named on bucket 0, as JSON-able values; without names the grocery's, with `data` all.

    `figures`: rows as each model's own evaluation gives them, `model` before them; `artifacts`: name and version by
    part. `artifact` (None = the shipped one) is of the one part that is measured. `households`, `gap` and the `gaps`
    found: see models.evaluate.behaviour. Errors: DataError where a part lacks its data.
    """
    wanted = parts or ((GROCERY,) if data is None else PARTS)
    if artifact is not None and len(wanted) > 1:
        raise DataError(f"an artifact is of one part, these are {', '.join(wanted)}; name the part it is of")
    measured = {}
    for name in wanted:
        if name == GROCERY:
            measured[name] = behaviour.evaluate(
                artifact, baselines=baselines, households=households, progress=progress, gap=gap
            )
        elif data is None:
            raise DataError(f"the part {name} needs the folder of the data sets; give it with --data")
        elif name == GIFTS:
            measured[name] = items.evaluate(data, artifact, baselines=baselines)
        else:
            measured[name] = store.evaluate(data, artifact, baselines=baselines, progress=progress)
    if list(measured) == [GROCERY]:
        return measured[GROCERY]
    return {
        "artifacts": {name: one["artifact"] for name, one in measured.items()},
        "figures": [{"model": name, **row} for name, one in measured.items() for row in one["figures"]],
        "gaps": [each for one in measured.values() for each in one.get("gaps", ())],
        "baselines": list(dict.fromkeys(name for one in measured.values() for name in one["baselines"])),
    }
