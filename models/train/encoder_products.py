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
from numpy.typing import NDArray

from models.columns import ProductBatch, ProductColumns
from models.data import catalogues
from models.data.splits import TRAIN, VALIDATION
from models.data.titles import LabelledTitles
from models.errors import TrainingError
from models.evaluate.products import evaluate
from models.registry import load, save
from models.text.predictor import ProductPredictor, load_products, sureness
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
    if options.teacher is not None:
        raise TrainingError("the preset encoder makes teachers and has none; leave --teacher out")
    if options.sampling is not None:
        raise TrainingError("the preset encoder draws titles by a rule of its own; leave --sampling out")
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
    """The lowest `sureness` of the fast tier's answer at which it need not be refined.

    With it the cascade answers as many heads of the validation titles right as the whole model does, but for WITHIN.
    Each catalogue counts as much as the others.
    """
    sure, gain = [], []
    for part in sets:
        asked = part.where([VALIDATION])
        columns = ProductColumns(asked.titles)
        fast, whole = predictor.run(columns), predictor.refine(columns)
        sure.append(sureness(fast))
        better = _right(predictor, asked, whole) - _right(predictor, asked, fast)
        gain.append(better / len(asked) / len(sets))
    confidence, lost = np.concatenate(sure), np.concatenate(gain)
    order = np.argsort(-confidence, kind="stable")  # surest first: those below the threshold are refined
    left = np.cumsum(lost[order])  # accuracy that is given up if all up to here keep the fast answer
    enough = np.flatnonzero(left <= WITHIN)
    return round(float(confidence[order[enough[-1]]]), 4) if len(enough) else 1.0


def _right(predictor: ProductPredictor, asked: LabelledTitles, given: ProductBatch) -> NDArray[np.float64]:
    """(n,) share of each title's known labels that the answer has."""
    place = [domain.name for domain in predictor.layout.domains].index(asked.domain)
    domain = predictor.layout.domains[place]
    base = sum(len(other.paths) for other in predictor.layout.domains[:place])
    hits, known = np.zeros(len(asked)), np.zeros(len(asked))
    for row, (category, attributes) in enumerate(zip(given.category_ids[:, 0], given.attribute_ids, strict=True)):
        named = {predictor.attributes[i] for i in attributes if i >= 0}
        for head in domain.heads:
            label = asked.labels[head.name][row]
            if not label:
                continue
            known[row] += 1
            if head is domain.category:
                hits[row] += label in head.labels and category == base + head.labels.index(label)
            else:
                hits[row] += (head.name, label) in named
    return hits / np.maximum(known, 1)
