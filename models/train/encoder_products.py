"""Train the encoder tower of the product model: `shelfstream train products --preset encoder`.

It learns from the same rows as the fast tier and answers beside it; see `models.text.predictor`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from models.columns import ProductColumns
from models.data import catalogues
from models.data.splits import TRAIN, VALIDATION
from models.data.titles import LabelledTitles
from models.evaluate.products import evaluate
from models.registry import load, save
from models.text.predictor import ProductPredictor, load_products
from models.train.encoder_artifact import store_encoder
from models.train.encoder_fit import EncoderRecipe, fit_encoder
from models.train.options import Options
from models.train.team import joined
from models.train.title_examples import examples

NAME = "shelfstream-products-encoder"
# Fashion is where the n-grams err; of the others an epoch sees enough to know them.
RECIPE = EncoderRecipe(epochs=4, rate=1e-3, shares=(1.0, 0.3, 0.15))
WITHIN = 0.003  # of the whole model's accuracy: what the cascade may lose on the validation titles


def train(data: Path, output: Path, options: Options, *, fast: Path | None = None) -> dict[str, Any]:
    """Fit, store and measure the tower of a fast tier (None = the shipped one).

    Gives what the artifact is and its figures, as JSON-able values; the figures also go into its manifest. With several
    processes, only the first stores and measures; the others give nothing. Errors: DataError when a data set is
    missing, ArtifactError when the fast tier is, TrainingError.
    """
    recipe = RECIPE if options.epochs is None else replace(RECIPE, epochs=options.epochs)
    sets = catalogues.load(data)
    predictor = load_products(fast)
    taught, held_out = (examples([part.where(b) for part in sets], predictor.layout) for b in (TRAIN, [VALIDATION]))
    with joined() as team:
        network, errors = fit_encoder(
            taught,
            held_out,
            predictor.layout,
            recipe,
            seed=options.seed,
            device=options.device,
            place=options.place,
            team=team,
            progress=options.progress,
        )
    if not team.first:
        return {}
    store_encoder(network, recipe, sets, predictor, output, name=NAME, seed=options.seed, errors=errors)
    return finish(data, output, fast=fast, sets=sets, progress=options.progress, baselines=options.baselines)


def finish(
    data: Path,
    output: Path,
    *,
    fast: Path | None,
    sets: Sequence[LabelledTitles],
    progress: bool,
    baselines: bool,
) -> dict[str, Any]:
    """Find the cascade's threshold, measure, and write both into the manifest."""
    stored = load(output)
    inputs = stored.manifest.inputs | {"threshold": threshold(load_products(fast, tower=output), sets)}
    manifest = msgspec.structs.replace(stored.manifest, inputs=inputs)
    save(output, manifest, stored.tensors)
    measured = evaluate(data, fast, tower=output, baselines=baselines, progress=progress)
    metrics = {key: measured[key] for key in ("figures", "slices", "baselines")}
    save(output, msgspec.structs.replace(manifest, metrics=metrics), stored.tensors)
    return {"artifact": str(output), "training": manifest.training, **measured}


def threshold(predictor: ProductPredictor, sets: Sequence[LabelledTitles]) -> float:
    """The lowest confidence of the fast tier's category at which its answer need not be refined.

    With it the cascade names the right category for as many validation titles as the whole model does, but for WITHIN.
    """
    sure, gain = [], []
    for part in sets:
        asked = part.where([VALIDATION])
        known = [i for i, label in enumerate(asked.labels[part.category]) if label]
        columns = ProductColumns([asked.titles[i] for i in known])
        truth = np.array([_path_id(predictor, part, asked.labels[part.category][i]) for i in known])
        fast, whole = predictor.run(columns), predictor.refine(columns)
        sure.append(fast.category_confidence[:, 0])
        right = [(answer.category_ids[:, 0] == truth).astype(np.float64) for answer in (fast, whole)]
        gain.append((right[1] - right[0]) / len(known))
    confidence, lost = np.concatenate(sure), np.concatenate(gain) / len(sets)
    order = np.argsort(-confidence, kind="stable")  # surest first: those below the threshold are refined
    left = np.cumsum(lost[order])  # accuracy that is given up if all up to here keep the fast answer
    enough = np.flatnonzero(left <= WITHIN)
    return round(float(confidence[order[enough[-1]]]), 4) if len(enough) else 1.0


def _path_id(predictor: ProductPredictor, part: LabelledTitles, label: str) -> int:
    base = 0
    for domain in predictor.layout.domains:
        if domain.name == part.domain:
            labels = domain.category.labels
            return base + labels.index(label) if label in labels else -1
        base += len(domain.paths)
    return -1
