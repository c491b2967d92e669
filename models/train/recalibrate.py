"""Product models calibrated anew, without learning anything anew.

    python -m models.train.recalibrate --data DIR --output FOLDER [titles] [spans]

writes the shipped artifacts to FOLDER again: the weights as they were; temperatures, curves, the encoder's shares and
the cascade's threshold as today's code sets them from bucket 9; the figures measured on bucket 0. Those of the title
models' baselines, which no calibration changes, are taken over.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from models.data import catalogues, spans
from models.data.splits import TRAIN, VALIDATION
from models.data.titles import LabelledTitles
from models.encoder.member import encoder_member
from models.evaluate.products import measure
from models.evaluate.spans import evaluate as evaluate_spans
from models.registry import Artifact, content_version, load, save, shipped, with_metrics
from models.spans.predictor import KIND as SPANS
from models.spans.predictor import SpanPredictor
from models.text.predictor import KIND, TOWER, load_products
from models.train.confidence import FORM
from models.train.encoder_artifact import join
from models.train.encoder_products import threshold
from models.train.seeds import one_thread
from models.train.spans import asking_of, calibration, lessons_of
from models.train.title_artifact import calibration_of
from models.train.title_examples import examples

Figures = list[dict[str, Any]]


def recalibrate_titles(data: Path, output: Path) -> None:
    """The fast tier and its tower. Errors: DataError, ArtifactError."""
    sets = catalogues.load(data)
    fast, whole = output / KIND, output / TOWER
    _products(sets, shipped(KIND), fast)
    _encoder(sets, shipped(TOWER), fast, whole)
    for folder, tower in ((fast, None), (whole, whole)):
        predictor = load_products(fast, tower=tower)
        figures, cuts = measure(predictor, sets, refined=tower is not None, data=data)
        artifact = load(folder)
        old = artifact.manifest.metrics
        with_metrics(folder, {**old, "figures": beside(figures, old["figures"]), "slices": cuts})


def recalibrate_spans(data: Path, output: Path) -> None:
    """The attribute spans. Errors: DataError, ArtifactError."""
    rows = spans.load(data)
    artifact = load(shipped(SPANS), SPANS)
    predictor = SpanPredictor(artifact)
    asking = asking_of(spans.where(rows, TRAIN), predictor.encoder)
    held_out = lessons_of(
        spans.where(rows, [VALIDATION]), predictor.stems, predictor.encoder, predictor.gazetteer, own=False
    )
    found = calibration(predictor.networks, held_out, asking, predictor.gazetteer)
    _again(output / SPANS, artifact, found)
    with_metrics(output / SPANS, evaluate_spans(data, output / SPANS))


def beside(new: Figures, old: Figures) -> Figures:
    """New figures with the baselines of the old ones that were not measured again."""
    known = {(row["set"], row["task"], row["metric"]): row["baselines"] for row in old}
    return [
        {**row, "baselines": known.get((row["set"], row["task"], row["metric"]), {}) | row["baselines"]} for row in new
    ]


def _products(sets: Sequence[LabelledTitles], given: Path, output: Path) -> None:
    predictor = load_products(given)
    validation = examples([part.where([VALIDATION]) for part in sets], predictor.layout)
    with one_thread():
        found = calibration_of(predictor.members, validation, predictor.layout)
    _again(output, load(given, KIND), {"temperatures": found.temperatures, "curves": found.curves})


def _encoder(sets: Sequence[LabelledTitles], given: Path, fast: Path, output: Path) -> None:
    artifact, predictor = load(given, TOWER), load_products(fast)
    validation = examples([part.where([VALIDATION]) for part in sets], predictor.layout)
    joined = join(encoder_member(artifact, predictor.layout), predictor.members, validation, predictor.layout)
    _again(output, artifact, joined.inputs() | {"fast_tier": predictor.info.version})
    _again(output, load(output), {"threshold": threshold(load_products(fast, tower=output), sets)})


def _again(output: Path, artifact: Artifact, found: dict[str, Any]) -> None:
    """Store it with other settings."""
    manifest = msgspec.structs.replace(
        artifact.manifest,
        version=content_version(artifact.tensors, FORM),
        inputs=artifact.manifest.inputs | found,
    )
    save(output, manifest, artifact.tensors, artifact.tables)


MODELS = {"titles": recalibrate_titles, "spans": recalibrate_spans}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m models.train.recalibrate", description=__doc__)
    parser.add_argument("models", nargs="*", default=list(MODELS), help="only these of titles and spans")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--output", type=Path, required=True, help="folder for the artifacts' folders")
    given = parser.parse_args()
    for name in given.models:
        MODELS[name](given.data, given.output)


if __name__ == "__main__":
    main()
