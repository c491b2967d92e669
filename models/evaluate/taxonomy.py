"""Measure the open-vocabulary classifier and the mapping: on a labelled sample that no training or tuning saw.

Right is any category that the sample names for the title. Beside the model stand its parts alone: words only, each
encoder only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluate.metrics import HONEST, Cases, Metric, calibration_error, coverage, honest_error, interval, value
from models.evaluate.taxonomy_mapping import evaluate_mapping
from models.evaluate.taxonomy_sample import SAMPLE, SET, Labelled, above, read_sample, record, share_record
from models.taxonomy.predictor import ANSWERS, TaxonomyPredictor, load_taxonomy, readable
from models.taxonomy.vectors import Floats


def evaluate(
    data: Path,
    artifact: Path | None = None,
    *,
    sample: Path = SAMPLE,
    baselines: bool = True,
    device: str = "cpu",
) -> dict[str, Any]:
    """Figures of an artifact (None = the shipped one) on the labelled sample, as JSON-able values.

    `figures`: accuracy of the first answer and among the first five, calibration and coverage, for English and Chinese
    apart, with 95 % intervals over titles and the parts alone as baselines; the deepest sure category: how often it is
    right and how often there is one; the mapping's precision by catalogue, which alone needs `data`, the folder of the
    data sets. `slices`: accuracy by source. `titles_per_second`: the whole answer, on the machine at hand.
    Errors: DataError, ArtifactError.
    """
    predictor = load_taxonomy(artifact, device)
    asked = read_sample(predictor.tree, sample)
    started = perf_counter()
    answers = predictor.run(asked.titles)
    seconds = perf_counter() - started
    places = {"shelfstream": _places(answers.ids, asked)}
    if baselines:
        for name, scores in parts_alone(predictor, asked.titles).items():
            best = np.argsort(-scores, axis=1, kind="stable")[:, :ANSWERS]
            places[name] = _places(np.array(predictor.tree.ids)[best], asked)
    figures: list[dict[str, Any]] = []
    languages = np.array(asked.languages)
    for language, task in (("en", "open vocabulary, English"), ("zh", "open vocabulary, Chinese")):
        rows = np.flatnonzero(languages == language)
        if not len(rows):
            continue
        for name, most in (("accuracy", 1), ("accuracy among the first 5", ANSWERS)):
            others = {
                part: float((found[rows] < most).mean()) for part, found in places.items() if part != "shelfstream"
            }
            figures.append(share_record(task, name, places["shelfstream"][rows] < most, others))
        cases = _cases(places["shelfstream"][rows] == 0, answers.confidence[rows])
        measured: dict[str, Metric] = {"ECE": calibration_error, "coverage at 98 % precision": coverage}
        for name, metric in measured.items():
            low, high = interval(metric, cases)
            figures.append(record(task, name, len(cases), value(metric, cases), low, high, {}))
        figures.append(record(task, HONEST, len(cases), *honest_error(cases), {}))
        sure = np.array([i for i in rows if answers.sure_ids[i]])
        if len(sure):
            below = np.array([above(predictor.tree, answers.sure_ids[i], asked.right[i]) for i in sure])
            figures.append(share_record(task, "deepest sure category, right", below, {}))
            figures.append(share_record(task, "deepest sure category, answered", answers.sure_ids[rows] != "", {}))
    figures += evaluate_mapping(predictor.tree, data, sample)
    cuts = []
    for source in dict.fromkeys(asked.sources):
        rows = np.array([i for i, one in enumerate(asked.sources) if one == source])
        for name, most in (("accuracy", 1), ("accuracy among the first 5", ANSWERS)):
            share = float((places["shelfstream"][rows] < most).mean())
            cuts.append(
                {"set": SET, "task": "open vocabulary", "slice": source, "n": len(rows), "metric": name}
                | {"value": round(share, 4)}
            )
    return {
        "artifact": {"name": predictor.manifest.name, "version": predictor.manifest.version},
        "figures": figures,
        "slices": cuts,
        "baselines": [name for name in places if name != "shelfstream"],
        "titles_per_second": round(len(asked) / seconds, 1),
    }


def parts_alone(predictor: TaxonomyPredictor, titles: Sequence[str]) -> dict[str, Floats]:
    """Baseline -> (n, categories) scores: TF-IDF of words, and the cosine of each encoder."""
    words = predictor.lexical.scores([readable(title) for title in titles])
    vectors = predictor.embed(titles)
    near = {name: side.shorten(vectors[name]) @ side.categories.T for name, side in predictor.sides.items()}
    return {"words alone": words["own"] + 0.5 * words["path"] + 0.5 * words["letters"]} | {
        f"{name} alone": scores for name, scores in near.items()
    }


def _places(ids: NDArray[np.str_], asked: Labelled) -> NDArray[np.int64]:
    """(n,) place of the first right answer, from 0; ANSWERS when there is none."""
    found = [[one in right for one in row] for row, right in zip(ids, asked.right, strict=True)]
    return np.array([row.index(True) if True in row else ANSWERS for row in found], dtype=np.int64)


def _cases(right: NDArray[np.bool_], confidence: Floats) -> Cases:
    ones = np.ones(len(right), dtype=np.int64)
    return Cases(ones, right.astype(np.int64), confidence, np.arange(len(right)))
