"""Train the attribute spans: buckets 2-8 teach, bucket 9 stops and calibrates, bucket 0 measures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.data import spans
from models.data.spans import AskedTitle
from models.data.splits import TRAIN, VALIDATION
from models.encoder import TextEncoder, load_encoder
from models.evaluate.spans import evaluate
from models.registry import Manifest, content_version, save, with_metrics
from models.spans.gazetteer import Gazetteer
from models.spans.network import SpanNetwork
from models.spans.predictor import KIND, network_of
from models.spans.questions import read_titles
from models.spans.units import read
from models.train.confidence import FORM
from models.train.span_calibration import curve, temperature
from models.train.span_fit import Asking, Lesson, Recipe, fit

NAME = "shelfstream-spans"
MEMBERS = 1
STEM_TITLES = 2  # that end a value inside a word before it counts as a stem
STEM_LETTERS = 3
_TOGETHER = 32  # titles through the encoder at once


def train(
    data: Path,
    output: Path,
    *,
    recipe: Recipe | None = None,
    members: int = MEMBERS,
    seed: int = 0,
    progress: bool = True,
) -> dict[str, Any]:
    """Fit, store and measure. `output`: the artifact's folder. Errors: DataError.

    Gives the figures, which also go into the manifest, as JSON-able values.
    """
    fit_artifact(spans.load(data), output, recipe or Recipe(), members=members, seed=seed, progress=progress)
    measured = evaluate(data, output)
    with_metrics(output, measured)
    return measured


def fit_artifact(
    rows: Sequence[AskedTitle], output: Path, recipe: Recipe, *, members: int, seed: int, progress: bool
) -> Manifest:
    """Fit on buckets 2-8, stop and calibrate on 9, store."""
    taught = spans.where(rows, TRAIN)
    encoder = load_encoder("minilm")
    stems = stems_of(taught)
    gazetteer = _gazetteer(taught, stems)
    lessons = lessons_of(taught, stems, encoder, gazetteer, own=True)
    held_out = lessons_of(spans.where(rows, [VALIDATION]), stems, encoder, gazetteer, own=False)
    asking = asking_of(taught, encoder)
    fitted = [
        fit(lessons, held_out, asking, recipe, seed=seed + member, progress=progress) for member in range(members)
    ]
    tensors = {
        f"{member}.{name}": values.detach().numpy().astype(np.float16)
        for member, (network, _) in enumerate(fitted)
        for name, values in network.state_dict().items()
    }
    stored: list[SpanNetwork] = [
        network_of(tensors, member, recipe.size, len(asking.place)) for member in range(members)
    ]
    manifest = Manifest(
        name=NAME,
        version=content_version(tensors, FORM),
        kind=KIND,
        inputs={
            "encoder": "minilm",
            "stems": stems,
            "size": asdict(recipe.size),
            "members": members,
            **calibration(stored, held_out, asking, gazetteer),
        },
        labels={"attributes": list(asking.place)},
        training={
            "recipe": asdict(recipe),
            "seed": seed,
            "validation_f1": [[round(score, 4) for score in scores] for _, scores in fitted],
            "fitted_buckets": list(TRAIN),
            "calibrated_on_bucket": VALIDATION,
            "titles": len(taught),
        },
    )
    return save(output, manifest, tensors, {"values": gazetteer.to_table()})


def calibration(
    networks: Sequence[SpanNetwork], held_out: Sequence[Lesson], asking: Asking, gazetteer: Gazetteer
) -> dict[str, Any]:
    """What a manifest holds of it: of what is asked for a curve, of trying every attribute a temperature."""
    found = curve(networks, held_out, asking, gazetteer)
    return {
        "temperatures": {"asked": 1.0, "all": temperature(networks, held_out, asking)},
        "curve": None if found is None else asdict(found),
    }


def stems_of(rows: Sequence[AskedTitle]) -> list[str]:
    """Values that are no word of their title but begin one ("Men" in "Mens"), in STEM_TITLES titles or more."""
    times: Counter[str] = Counter()
    for row in rows:
        whole = read(row.title)
        texts = {whole.value(place) for place in whole.candidates}
        starts = set(whole.units[:, 0].tolist())
        for value in {value for values in row.asked.values() for value in values} - texts:
            if len(value) >= STEM_LETTERS and any(
                match.start() in starts for match in re.finditer(re.escape(value), row.title)
            ):
                times[value] += 1
    return sorted(value for value, titles in times.items() if titles >= STEM_TITLES)


def _gazetteer(rows: Sequence[AskedTitle], stems: Sequence[str]) -> Gazetteer:
    titles = [read(row.title, stems) for row in rows]
    return Gazetteer.learnt(
        ([title.value(place) for place in title.candidates], row.asked) for title, row in zip(titles, rows, strict=True)
    )


def lessons_of(
    rows: Sequence[AskedTitle], stems: Sequence[str], encoder: TextEncoder, gazetteer: Gazetteer, *, own: bool
) -> list[Lesson]:
    """Titles as the networks read them; `own`: the gazetteer leaves out what each title itself taught it."""
    by_length = sorted(range(len(rows)), key=lambda place: len(rows[place].title))  # so that little is padded
    lessons: dict[int, Lesson] = {}
    for first in range(0, len(rows), _TOGETHER):
        places = by_length[first : first + _TOGETHER]
        part = [rows[place] for place in places]
        titles = [read(row.title, stems) for row in part]
        with torch.inference_mode():
            known = read_titles(titles, encoder, gazetteer, [row.asked for row in part] if own else None)
        lessons |= zip(places, (Lesson(one, row) for one, row in zip(known, part, strict=True)), strict=True)
    return [lessons[place] for place in range(len(rows))]


def asking_of(rows: Sequence[AskedTitle], encoder: TextEncoder) -> Asking:
    """What training titles tell of the attributes."""
    attributes = sorted({name for row in rows for name in row.asked})
    by_category: dict[str, set[str]] = {}
    for row in rows:
        by_category.setdefault(row.category, set()).update(row.asked)
    return Asking(
        place={name: place for place, name in enumerate(attributes)},
        names=dict(zip(attributes, encoder.embed(attributes), strict=True)),
        by_category={category: sorted(names) for category, names in by_category.items()},
    )
