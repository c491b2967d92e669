"""Train the fused model of text, picture and prices on the marketplace: `shelfstream train products --preset hybrid`.

Buckets 2-8 teach, bucket 9 stops, bucket 0 measures; bucket 1 is never read. For the calibration eight more networks
are fitted, each without one of the buckets 2-9. The frozen encoders read every product once; what they make of it is
kept in `cache`, so that a second run takes some minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.data import marketplace
from models.data.marketplace import SEPARATOR, Goods
from models.data.splits import TRAIN, VALIDATION
from models.errors import TrainingError
from models.fusion.artifact import KIND, pack, unpack
from models.fusion.network import Inputs, Size
from models.fusion.numbers import NAMES
from models.fusion.reader import PIECES, TOKENS, GoodsReader, Vectors, texts_of
from models.fusion.words import Words, learn_words
from models.registry import Manifest, content_version, save, with_metrics
from models.train.confidence import FORM
from models.train.marketplace_calibration import Turn, calibrate
from models.train.marketplace_fit import Labels, Recipe, fit
from models.train.marketplace_vectors import columns_of, rows_in, rows_of, vectors_of
from models.train.options import NOWHERE, Options
from models.train.picture_views import views_of

NAME = "shelfstream-marketplace"
CALIBRATED = (*TRAIN, VALIDATION)  # buckets that take turns at being left out
AT_LEAST, AT_MOST = 2, 8192  # texts that a known word is in; known words and pairs (a megabyte of evidence)


def train(data: Path, output: Path, options: Options, cache: Path | None = None) -> dict[str, Any]:
    """Fit, store and measure. `data` is the folder of the data sets, `output` the artifact's folder.

    Gives what the artifact is and its figures, as JSON-able values; the figures also go into its manifest.
    Errors: DataError when the data set is missing, TrainingError for options that it has no use for.
    """
    from models.evaluate.marketplace import evaluate

    unused = (options.study, options.teacher, options.sampling) != (None, None, None)
    if options.place != NOWHERE or unused or options.device != "cpu":
        raise TrainingError(
            "the preset hybrid is fitted on the processor, without checkpoints, logs, study, teacher or sampling"
        )
    goods = marketplace.load(data)
    recipe = Recipe() if options.epochs is None else replace(Recipe(), epochs=options.epochs)
    reader = GoodsReader()
    vectors = vectors_of(goods, reader, cache, progress=options.progress)
    fit_artifact(goods, vectors, reader, output, recipe, seed=options.seed, progress=options.progress)
    measured = evaluate(data, output, baselines=options.baselines, progress=options.progress, cache=cache)
    metrics = {key: measured[key] for key in ("figures", "slices", "baselines")}
    manifest = with_metrics(output, metrics)
    return {"artifact": str(output), "training": manifest.training, **measured}


def fit_artifact(
    goods: Goods, vectors: Vectors, reader: GoodsReader, output: Path, recipe: Recipe, *, seed: int, progress: bool
) -> Manifest:
    """Fit on buckets 2-8, stop on 9, calibrate on 2-9 in turns, store. Measuring it is models.evaluate's job."""
    views = None
    if recipe.views:
        views = views_of(columns_of(goods, pictures=True).pictures or [], recipe.views, seed=seed, progress=progress)
    fitting = Fitting(goods, vectors, reader, recipe, seed, progress, views)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums of several threads come in no fixed order: one makes the weights reproducible
    try:
        one = fitting.fit(TRAIN, VALIDATION)
        temperatures = calibrate([fitting.turn(bucket) for bucket in CALIBRATED])
    finally:
        torch.set_num_threads(threads)
    manifest = Manifest(
        name=NAME,
        version=content_version(one.tensors, FORM),
        kind=KIND,
        inputs={
            "columns": ["name", "description", "brand", "price", "list price", "picture"],
            "numbers": list(NAMES),
            "tokens": TOKENS,
            "pieces": PIECES,
            "size": asdict(one.size),
            "parents": one.parents,
            "temperatures": temperatures,
        },
        labels={"first": one.first, "second": one.second},
        training={
            "recipe": asdict(recipe),
            "seed": seed,
            "validation_errors": [round(error, 4) for error in one.errors],
            "fitted_buckets": list(TRAIN),
            "calibrated_on_buckets": list(CALIBRATED),
            "rows": one.rows,
            "data": goods.fingerprint(),
        },
    )
    return save(output, manifest, one.tensors)


@dataclass(frozen=True, slots=True)
class FittedGoods:
    """One fitted network as it is stored, and what it was taught."""

    tensors: dict[str, np.ndarray]
    size: Size
    first: list[str]
    second: list[str]
    parents: list[int]
    errors: list[float]
    rows: int


@dataclass(frozen=True, slots=True)
class Fitting:
    """The goods, what the frozen encoders made of them, and how to fit."""

    goods: Goods
    vectors: Vectors
    reader: GoodsReader
    recipe: Recipe
    seed: int
    progress: bool
    views: NDArray[np.float32] | None = None  # (v, goods, picture), see models.train.picture_views

    def fit(self, teaching: Sequence[int], stopping: int) -> FittedGoods:
        """A network taught by some buckets and stopped by another."""
        taught = self.goods.where(teaching)
        columns = columns_of(taught)
        first, second = sorted(set(taught.first)), sorted(set(taught.second))
        parents = [first.index(path.split(SEPARATOR)[0]) for path in second]
        words = learn_words([*columns.names, *texts_of(columns)], AT_LEAST, AT_MOST)
        seen = rows_of(self.goods, self.vectors, teaching)
        training = self.reader.inputs(columns, words, seen)
        unseen = Vectors(seen.names, seen.names, seen.pictures)
        bare = self.reader.inputs(replace(columns, descriptions=None), words, unseen)
        held_out, truth = self.asked(stopping, words, first, second)
        size = _size(training, len(words.vocabulary))
        fitted = fit(
            *(training, bare, labels_of(taught, first, second), held_out, truth, size, parents, self.recipe),
            seed=self.seed,
            views=None if self.views is None else torch.from_numpy(self.views[:, rows_in(self.goods, teaching)]),
            progress=self.progress,
        )
        return FittedGoods(pack(fitted.network, words), size, first, second, parents, fitted.errors, len(taught))

    def turn(self, bucket: int) -> Turn:
        """A network that one of CALIBRATED was kept from, and the products of that bucket."""
        place = CALIBRATED.index(bucket)
        stopping = CALIBRATED[(place + 1) % len(CALIBRATED)]
        one = self.fit([other for other in CALIBRATED if other not in (bucket, stopping)], stopping)
        network, words = unpack(one.tensors, one.size, one.parents)
        return Turn(network, *self.asked(bucket, words, one.first, one.second))

    def asked(self, bucket: int, words: Words, first: list[str], second: list[str]) -> tuple[Inputs, Labels]:
        """The products of one bucket, as the network reads them, and their labels."""
        goods = self.goods.where([bucket])
        given = self.reader.inputs(columns_of(goods), words, rows_of(self.goods, self.vectors, [bucket]))
        return given, labels_of(goods, first, second)


def labels_of(goods: Goods, first: list[str], second: list[str]) -> Labels:
    """Codes of both levels; -1 where a label was not taught."""
    codes = [{label: code for code, label in enumerate(known)} for known in (first, second)]
    found = [
        np.array([code.get(label, -1) for label in given], dtype=np.int64)
        for code, given in zip(codes, (goods.first, goods.second), strict=True)
    ]
    return Labels(torch.from_numpy(found[0]), torch.from_numpy(found[1]))


def _size(training: Inputs, words: int) -> Size:
    return Size(
        words=words,
        text=training.text.shape[1],
        pieces=training.pieces.shape[2],
        picture=training.picture.shape[1],
        numbers=training.numbers.shape[1],
    )
