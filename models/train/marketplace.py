"""Train the fused model of text, picture and prices on the marketplace: `shelfstream train products --preset hybrid`.

Buckets 2-8 teach, bucket 9 stops and calibrates, bucket 0 measures; bucket 1 is never read. The frozen encoders read
every product once; what they make of it is kept in `cache`, so that a second run takes a minute.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.data import marketplace
from models.data.marketplace import SEPARATOR, Goods
from models.data.splits import TRAIN, VALIDATION
from models.errors import TrainingError
from models.fusion.artifact import KIND, pack, unpack
from models.fusion.columns import GoodsColumns
from models.fusion.network import Inputs, Size
from models.fusion.numbers import NAMES
from models.fusion.reader import PIECES, TOKENS, GoodsReader, Vectors, texts_of
from models.fusion.words import learn_words
from models.registry import Manifest, content_version, save, with_metrics
from models.train.marketplace_calibration import calibrate
from models.train.marketplace_fit import Labels, Recipe, fit
from models.train.marketplace_vectors import columns_of, rows_of, vectors_of
from models.train.options import NOWHERE, Options

NAME = "shelfstream-marketplace"
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
    """Fit on buckets 2-8, stop and calibrate on 9, store. Measuring it is models.evaluate's job."""
    taught, held_out = goods.where(TRAIN), goods.where([VALIDATION])
    columns = columns_of(taught)
    first, second = sorted(set(taught.first)), sorted(set(taught.second))
    parents = [first.index(path.split(SEPARATOR)[0]) for path in second]
    words = learn_words([*columns.names, *texts_of(columns)], AT_LEAST, AT_MOST)
    seen = rows_of(goods, vectors, TRAIN)
    training = reader.inputs(columns, words, seen)
    bare = reader.inputs(_without_descriptions(columns), words, Vectors(seen.names, seen.names, seen.pictures))
    validation = reader.inputs(columns_of(held_out), words, rows_of(goods, vectors, [VALIDATION]))
    size = _size(training, len(words.vocabulary))
    truth = labels_of(held_out, first, second)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums of several threads come in no fixed order: one makes the weights reproducible
    try:
        fitted = fit(
            *(training, bare, labels_of(taught, first, second), validation, truth, size, parents, recipe),
            seed=seed,
            progress=progress,
        )
        tensors = pack(fitted.network, words)
        stored, _ = unpack(tensors, size, parents)
        temperatures = calibrate(stored, validation, truth)
    finally:
        torch.set_num_threads(threads)
    manifest = Manifest(
        name=NAME,
        version=content_version(tensors, "1"),
        kind=KIND,
        inputs={
            "columns": ["name", "description", "brand", "price", "list price", "picture"],
            "numbers": list(NAMES),
            "tokens": TOKENS,
            "pieces": PIECES,
            "size": asdict(size),
            "parents": parents,
            "temperatures": temperatures,
        },
        labels={"first": first, "second": second},
        training={
            "recipe": asdict(recipe),
            "seed": seed,
            "validation_errors": [round(error, 4) for error in fitted.errors],
            "fitted_buckets": list(TRAIN),
            "calibrated_on_bucket": VALIDATION,
            "rows": len(taught),
            "data": goods.fingerprint(),
        },
    )
    return save(output, manifest, tensors)


def labels_of(goods: Goods, first: list[str], second: list[str]) -> Labels:
    """Codes of both levels; -1 where a label was not taught."""
    codes = [{label: code for code, label in enumerate(known)} for known in (first, second)]
    found = [
        np.array([code.get(label, -1) for label in given], dtype=np.int64)
        for code, given in zip(codes, (goods.first, goods.second), strict=True)
    ]
    return Labels(torch.from_numpy(found[0]), torch.from_numpy(found[1]))


def _without_descriptions(columns: GoodsColumns) -> GoodsColumns:
    return replace(columns, descriptions=None)


def _size(training: Inputs, words: int) -> Size:
    return Size(
        words=words,
        text=training.text.shape[1],
        pieces=training.pieces.shape[2],
        picture=training.picture.shape[1],
        numbers=training.numbers.shape[1],
    )
