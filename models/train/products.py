"""Train the fast product model: `shelfstream train products --preset fast`, with --teacher after an encoder tower.

Buckets 2-8 teach, bucket 9 stops and calibrates, bucket 0 measures; bucket 1 is never read. The figures are those of
the stored, rounded weights, beside baselines fitted in the same run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.data import catalogues
from models.data.splits import TRAIN, VALIDATION
from models.errors import TrainingError
from models.evaluate.products import evaluate, measure
from models.registry import with_metrics
from models.text.network import Size
from models.text.predictor import load_products
from models.train import folds as turns
from models.train.distillation import Distillation, lessons
from models.train.options import Options
from models.train.search import Choice, Floats, Space, Watch, best_of
from models.train.search import search as search_on
from models.train.seeds import one_thread
from models.train.team import joined
from models.train.title_artifact import fit_artifact
from models.train.title_examples import examples
from models.train.title_fit import Recipe, fit
from models.train.title_layout import layout_of
from models.train.title_teacher import Teacher, load_teacher

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
# Of the first recipe, which has most of the vote.
SPACE: Space = {
    "table_rate": Floats(1e-3, 2e-2, log=True),
    "layer_rate": Floats(5e-4, 1e-2, log=True),
    "dropout": Floats(0.0, 0.5),
    "thinning": Floats(0.0, 0.6),
    "count_power": Floats(0.25, 1.0),
    "at_least": Choice((2, 3, 4, 6)),
}


def train(data: Path, output: Path, options: Options) -> dict[str, Any]:
    """Fit, store and measure. `data` is the folder of the data sets, `output` the artifact's folder.

    Gives what the artifact is and its figures, as JSON-able values; the figures also go into its manifest. With several
    processes, only the first stores and measures; the others give nothing. Errors: DataError when a data set is
    missing, TrainingError.
    """
    with joined() as team:
        fit_artifact(
            catalogues.load(data),
            output,
            _recipes(options),
            name=NAME,
            seed=options.seed,
            place=options.place,
            team=team,
            teacher=_teacher(options),
            progress=options.progress,
        )
    if not team.first:
        return {}
    measured = evaluate(data, output, baselines=options.baselines, progress=options.progress)
    metrics = {key: measured[key] for key in ("figures", "slices", "baselines")}
    manifest = with_metrics(output, metrics)
    return {"artifact": str(output), "training": manifest.training, **measured}


def cross_validate(data: Path, count: int, options: Options) -> dict[str, Any]:
    """Figures of `count` models, each measured on the fold that it was not fitted on; nothing is stored.

    Folds are of buckets 2-9. Value and range are over the folds. Errors: DataError, TrainingError.
    """
    if options.teacher is not None:
        raise TrainingError(
            "a teacher was fitted on titles of every fold and would tell the answers of the one that measures; leave "
            "--teacher or --folds out"
        )
    recipes = _recipes(options)
    figures = []
    for number, sets in enumerate(turns.folds(catalogues.load(data), count, options.seed)):
        with tempfile.TemporaryDirectory() as folder:
            fit_artifact(
                sets,
                Path(folder),
                recipes,
                name=NAME,
                seed=options.seed,
                place=options.place.part(f"fold-{number}"),
                progress=options.progress,
            )
            figures.append(measure(load_products(Path(folder)), sets, progress=options.progress)[0])
    return {"folds": count, "figures": turns.summary(figures)}


def search(data: Path, trials: int, options: Options) -> dict[str, Any]:
    """Search SPACE for the first recipe with the least validation error. Errors: DataError, TrainingError."""
    if options.study is None:
        raise TrainingError("a search needs a file to keep its study in; give one with --study FILE")
    sets = catalogues.load(data)
    taught = [part.where(TRAIN) for part in sets]
    layout = layout_of(taught)
    training = examples(taught, layout)
    validation = examples([part.where([VALIDATION]) for part in sets], layout)
    recipe = _recipes(replace(options, study=None))[0]
    teacher = _teacher(options)

    with one_thread():
        taken = None
        if teacher is not None:
            taken = lessons(training, layout, teacher, Distillation(), seed=options.seed, progress=options.progress)

        def error(values: dict[str, Any], watch: Watch) -> float:
            fitted = fit(
                *(training, validation, layout, replace(recipe, **values)),
                seed=options.seed,
                lessons=taken,
                watch=watch,
                progress=options.progress,
            )
            return min(fitted.errors)

        return search_on(error, SPACE, trials, options.study, name=NAME, seed=options.seed)


def _teacher(options: Options) -> Teacher | None:
    return None if options.teacher is None else load_teacher(options.teacher, options.teacher_cache)


def _recipes(options: Options) -> Sequence[Recipe]:
    """The recipes with what the options change: the best of a study in the first, epochs and sampling in all."""
    first = replace(RECIPES[0], **best_of(options.study, NAME)) if options.study else RECIPES[0]
    given = {"epochs": options.epochs, "sampling": options.sampling}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return [replace(recipe, **changes) for recipe in (first, *RECIPES[1:])]
