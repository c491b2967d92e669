"""From labelled titles to an artifact on disk: fit, round, calibrate, store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from models.data.splits import TRAIN, VALIDATION
from models.data.titles import LabelledTitles
from models.registry import Manifest, content_version, save
from models.text.bags import Vocabulary
from models.text.compact import pack, unpack
from models.text.layout import Layout
from models.text.network import TitleNetwork
from models.text.ngrams import BITS, CHARACTER_RUNS, MAX_CODE_POINTS
from models.text.predictor import KIND
from models.train.temperature import temperature
from models.train.title_examples import Examples, examples
from models.train.title_fit import Recipe, fit, logits
from models.train.title_layout import layout_of


def fit_artifact(
    sets: Sequence[LabelledTitles], output: Path, recipe: Recipe, *, name: str, seed: int, progress: bool
) -> Manifest:
    """Fit on buckets 2-8, stop and calibrate on 9, store. Measuring it is models.evaluate's job."""
    taught = [part.where(TRAIN) for part in sets]
    layout = layout_of(taught)
    training = examples(taught, layout)
    validation = examples([part.where([VALIDATION]) for part in sets], layout)
    with _one_thread():
        fitted = fit(training, validation, layout, recipe, seed=seed, progress=progress)
    tensors = pack(fitted.network, fitted.vocabulary.slots)
    stored = unpack(tensors, layout, recipe.size)
    manifest = Manifest(
        name=name,
        version=content_version(tensors, "1"),
        kind=KIND,
        inputs={
            "columns": ["title", "brand", "description", "hint"],
            "code_points": MAX_CODE_POINTS,
            "hash_bits": BITS,
            "character_runs": list(CHARACTER_RUNS),
            "size": asdict(recipe.size),
            "temperatures": _temperatures(stored, fitted.vocabulary, validation, layout),
        },
        labels={head.key: len(head.labels) for head in layout.heads()},
        training={
            "recipe": asdict(recipe),
            "seed": seed,
            "validation_losses": [round(loss, 5) for loss in fitted.losses],
            "fitted_buckets": list(TRAIN),
            "calibrated_on_bucket": VALIDATION,
            "rows": {part.domain: len(part) for part in taught},
            "data": {part.domain: part.fingerprint() for part in sets},
        },
    )
    return save(output, manifest, tensors, {"layout": layout.to_table()})


def _temperatures(
    network: TitleNetwork, vocabulary: Vocabulary, validation: Examples, layout: Layout
) -> dict[str, float]:
    """One temperature per head, and one for the domain, from the validation titles."""
    found = logits(network, vocabulary.bags(validation.titles), validation, layout)
    domains = np.eye(len(layout.domains), dtype=np.float32)[validation.domains]
    counts = {**validation.counts, "domain": domains}
    return {key: round(temperature(values, counts[key]), 5) for key, values in found.items()}


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums of several threads come in no fixed order: one thread makes the weights reproducible."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
