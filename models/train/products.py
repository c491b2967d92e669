"""Train the product model: `shelfstream train products`.

Buckets 2-8 teach, bucket 9 stops and calibrates, bucket 0 measures; bucket 1 is never read. The figures are those of
the stored, rounded weights, beside baselines fitted in the same run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from models.data import catalogues
from models.evaluate.products import evaluate
from models.registry import load, save
from models.train.title_artifact import fit_artifact
from models.train.title_fit import Recipe

NAME = "shelfstream-products"


def train(
    data: Path,
    output: Path,
    *,
    epochs: int | None = None,
    seed: int = 7,
    progress: bool = True,
    baselines: bool = True,
) -> dict[str, Any]:
    """Fit, store and measure. `data` is the folder of the data sets, `output` the artifact's folder.

    Gives what the artifact is and its figures, as JSON-able values; the figures also go into its manifest.
    Errors: DataError when a data set is missing.
    """
    recipe = Recipe() if epochs is None else replace(Recipe(), epochs=epochs)
    fit_artifact(catalogues.load(data), output, recipe, name=NAME, seed=seed, progress=progress)
    measured = evaluate(data, output, baselines=baselines, progress=progress)
    stored = load(output)
    metrics = {key: measured[key] for key in ("figures", "slices", "baselines")}
    manifest = msgspec.structs.replace(stored.manifest, metrics=metrics)
    save(output, manifest, stored.tensors, stored.tables)
    return {"artifact": str(output), "training": manifest.training, **measured}
