"""A product model with its encoder tower as the teacher of a fast tier.

    titles of one domain ──► n-gram members ──────────────────────────────┬──► mean by vote, calibrated
                        └──► parts of PART titles ──► tower ──► a file ───┘

The tower alone would be a poor teacher where its vote is small: it has read a part of the groceries only. It is asked
once, some hundred titles a second, and kept on disk. A part's file is named by the tower's version, the domain and the
titles, so that a run that was killed goes on with the parts it has, and another tower or other titles never find them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tqdm import tqdm

from models.data.splits import TRAIN
from models.encoder.member import EncoderMember, encoder_member
from models.errors import TrainingError
from models.registry import MANIFEST, load, shipped
from models.text.committee import mean_log_probabilities
from models.text.layout import Domain, Layout
from models.text.ngrams import ngrams
from models.text.predictor import KIND, TOWER, ProductPredictor, load_products
from models.train.title_examples import Examples

SHIPPED = Path("shipped")
PART = 512  # titles between two writes: a few seconds of one core

Logits = dict[str, NDArray[np.float16]]  # head key -> (m, labels)


class Teacher:
    """A product model and its tower. `cache` is a folder for what the tower answers; None = nothing is kept."""

    def __init__(self, predictor: ProductPredictor, tower: EncoderMember, version: str, cache: Path | None) -> None:
        self.predictor, self.version = predictor, version
        self._tower, self._cache = tower, cache

    def answers(self, given: Examples, layout: Layout, *, progress: bool = True) -> Logits:
        """Log-probabilities of each title for every head of its domain, the columns in the order of `layout`.

        Errors: TrainingError when the layout has a domain, head or label that the teacher never learnt.
        """
        found: Logits = {}
        with tqdm(total=len(given), desc="teacher", disable=not progress) as bar:
            for place, domain in enumerate(layout.domains):
                columns = _columns(self.predictor.layout, domain)
                titles = given.titles[int(given.starts[place]) : int(given.starts[place + 1])]
                parts = []
                for first in range(0, len(titles), PART):
                    part = titles[first : first + PART]
                    parts.append(self._whole(domain.name, part))
                    bar.update(len(part))
                for key, chosen in columns.items():
                    empty = np.zeros((0, len(chosen)), dtype=np.float16)
                    found[key] = np.concatenate([empty, *(part[key][:, chosen] for part in parts)])
        return found

    def _whole(self, domain: str, titles: Sequence[str]) -> Logits:
        """What all members say together, by head key."""
        features, committee = ngrams(titles), self.predictor.chosen(refined=True)
        with torch.inference_mode():
            each = [
                one.network.head_logits(domain, one.pool(titles, features, torch.device("cpu")))
                for one in self.predictor.members
            ]
            tower = {
                key: torch.from_numpy(values.astype(np.float32)) for key, values in self._part(domain, titles).items()
            }
            mixed = {
                key: mean_log_probabilities([*(one[key] for one in each), values], committee.shares(key))
                / committee.temperatures[key]
                for key, values in tower.items()
            }
        return {key: values.numpy().astype(np.float16) for key, values in mixed.items()}

    def _part(self, domain: str, titles: Sequence[str]) -> Logits:
        if self._cache is None:
            return self._ask(domain, titles)
        file = self._cache / f"{_digest(self.version, domain, titles)}.safetensors"
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            draft = file.with_suffix(f".{os.getpid()}")  # of this process alone: several may share a cache
            save_file(self._ask(domain, titles), draft)
            draft.replace(file)
        return load_file(file)

    def _ask(self, domain: str, titles: Sequence[str]) -> Logits:
        with torch.inference_mode():
            pooled = self._tower.pool(titles, ngrams(titles), torch.device("cpu"))
            logits = self._tower.network.head_logits(domain, pooled)
        return {key: values.numpy().astype(np.float16) for key, values in logits.items()}


def load_teacher(path: Path, cache: Path | None = None) -> Teacher:
    """The shipped tower (SHIPPED), a tower of the shipped fast tier, or a folder with both as `products` and
    `products-encoder`.

    Errors: ArtifactError when there is none; TrainingError when it was fitted on more than the training buckets.
    """
    if path == SHIPPED:
        own, folder = None, shipped(TOWER)
    elif (path / MANIFEST).exists():
        own, folder = None, path
    else:
        own, folder = path / KIND, path / TOWER
    artifact = load(folder, TOWER)
    for part in (artifact, load(own or shipped(KIND), KIND)):
        fitted = part.manifest.training.get("fitted_buckets")
        if not fitted or not set(fitted) <= set(TRAIN):
            raise TrainingError(
                f"{part.path} was fitted on the buckets {fitted}, a teacher may have seen {list(TRAIN)} only: what it "
                "learnt of the others would come back as the student's own; give another teacher"
            )
    predictor = load_products(own, tower=folder)
    return Teacher(predictor, encoder_member(artifact, predictor.layout), artifact.manifest.version, cache)


def _columns(known: Layout, wanted: Domain) -> dict[str, NDArray[np.int64]]:
    """Of each head of a domain, where the teacher has its labels."""
    heads = {head.key: head.labels for head in known.heads()}
    columns = {}
    for head in wanted.heads:
        lacking = sorted(set(head.labels) - set(heads.get(head.key, ())))
        if lacking:
            raise TrainingError(
                f"the teacher knows no {head.key} {', '.join(lacking[:3])}: it was fitted on other data; train one on "
                "these with `shelfstream train products --preset encoder`, or leave --teacher out"
            )
        columns[head.key] = np.array([heads[head.key].index(label) for label in head.labels], dtype=np.int64)
    return columns


def _digest(version: str, domain: str, titles: Sequence[str]) -> str:
    text = "\x1e".join([version, domain, *titles])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
