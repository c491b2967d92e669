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
from models.text.network import Size
from models.train.title_artifact import fit_artifact
from models.train.title_fit import Recipe

NAME = "shelfstream-products"
RECIPES = (
    Recipe(size=Size(width=192, hidden=384), vote=0.65),
    # Words and pairs alone: a title has few, so few may be left out; the low rate keeps it from learning by heart.
    Recipe(
        size=Size(width=128, hidden=128),
        groups=2,
        vote=0.35,
        epochs=10,
        thinning=0.1,
        dropout=0.3,
        table_rate=3e-3,
        at_least=3,
    ),
)


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
    recipes = [recipe if epochs is None else replace(recipe, epochs=epochs) for recipe in RECIPES]
    fit_artifact(catalogues.load(data), output, recipes, name=NAME, seed=seed, progress=progress)
    measured = evaluate(data, output, baselines=baselines, progress=progress)
    stored = load(output)
    metrics = {key: measured[key] for key in ("figures", "slices", "baselines")}
    manifest = msgspec.structs.replace(stored.manifest, metrics=metrics)
    save(output, manifest, stored.tensors, stored.tables)
    return {"artifact": str(output), "training": manifest.training, **measured}
