"""Any product title -> the Shopify categories that fit best, of 10,595, in English or Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.encoder import TextEncoder, frozen_encoder
from models.registry import Artifact, load, shipped
from models.taxonomy.confidence import Curve, node_masses
from models.taxonomy.examples import Examples
from models.taxonomy.features import Candidates, candidates
from models.taxonomy.lexical import Lexical
from models.taxonomy.phrases import Phrases
from models.taxonomy.reranker import Reranker, stored
from models.taxonomy.tree import Tree, from_paths
from models.taxonomy.vectors import Floats, Space, unpack
from models.taxonomy.words import CODE_POINTS

KIND = "taxonomy"
ANSWERS = 5
SURE = 0.8  # confidence that the deepest sure category must have, unless the caller asks for another
TITLES_AT_ONCE = 64  # a dozen tables of titles by categories are held at once: 64 titles are about 35 MB
QUERY = "query: "  # what e5 was taught to see before a question (arXiv:2212.03533, section 4)
PASSAGE = "passage: "


@dataclass(frozen=True, slots=True)
class TaxonomyAnswers:
    """Of n titles, the best categories, best first."""

    ids: NDArray[np.str_]  # (n, ANSWERS)
    scores: Floats  # (n, ANSWERS) shares of the candidates' probability
    confidence: Floats  # (n,) chance that the first is right, calibrated
    sure_ids: NDArray[np.str_]  # (n,) the deepest category that is sure enough, "" if not even a department is
    sure_confidence: Floats  # (n,) its calibrated chance; 0 where there is none


@dataclass(frozen=True, slots=True)
class Side:
    """One encoder's view of the categories."""

    space: Space
    asked_centre: Floats  # (width,) of titles, which lie elsewhere than names
    categories: Floats  # (n, size)

    def shorten(self, vectors: Floats) -> Floats:
        """Vectors of titles -> short ones, comparable with the categories'."""
        return Space(self.asked_centre, self.space.turn).shorten(vectors)


class TaxonomyPredictor:
    """The open-vocabulary classifier. Every text has an answer; one that says nothing has a low confidence."""

    def __init__(self, artifact: Artifact, device: str = "cpu") -> None:
        tensors, table = artifact.tensors, artifact.tables["categories"]
        self.manifest = artifact.manifest
        self.tree: Tree = from_paths(table["ids"], table["en"], table["zh"])
        self.lexical = Lexical(self.tree)
        self.sides = {name: _side(tensors, name) for name in artifact.manifest.inputs["encoders"]}
        self.examples = Examples(unpack(tensors["examples"]), tensors["example_labels"].astype(np.int64))
        self.phrases = Phrases(self.tree, artifact.tables["phrases"])
        self.reranker: Reranker = stored(tensors)
        settings = artifact.manifest.inputs
        self.temperature = float(settings["temperature"])
        self.first_curve = Curve(*settings["first_curve"])
        self.node_curve = Curve(*settings["node_curve"])
        self.encoders: dict[str, TextEncoder] = {name: frozen_encoder(name, device) for name in self.sides}

    def run(self, titles: Sequence[str], sure: float = SURE) -> TaxonomyAnswers:
        """n titles -> their best categories. No title is refused; 512 code points of each are read."""
        parts = [self._some(titles[at : at + TITLES_AT_ONCE], sure) for at in range(0, len(titles), TITLES_AT_ONCE)]
        if not parts:
            none = np.zeros((0, ANSWERS), dtype=np.float32)
            return TaxonomyAnswers(none.astype(np.str_), none, none[:, 0], none[:, 0].astype(np.str_), none[:, 0])
        return TaxonomyAnswers(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("ids", "scores", "confidence", "sure_ids", "sure_confidence")
            )
        )

    def embed(self, titles: Sequence[str]) -> dict[str, Floats]:
        """Encoder -> (n, width) vectors of the titles."""
        texts = [readable(title) for title in titles]
        return {
            name: encoder.embed([f"{QUERY}{text}" for text in texts] if name == "e5" else texts)
            for name, encoder in self.encoders.items()
        }

    def find(self, titles: Sequence[str], vectors: dict[str, Floats]) -> Candidates:
        """Candidates with their features, from titles and their vectors."""
        short = {name: side.shorten(vectors[name]) for name, side in self.sides.items()}
        similar = {name: short[name] @ self.sides[name].categories.T for name in self.sides}
        votes = self.examples.votes(self.tree, short["e5"])
        texts = [readable(title) for title in titles]
        return candidates(self.tree, self.lexical, texts, similar, votes, self.phrases.votes(texts))

    def _some(self, titles: Sequence[str], sure: float) -> TaxonomyAnswers:
        found = self.find(titles, self.embed(titles))
        shares = self.reranker.probabilities(found.values, self.temperature)
        order = np.argsort(-shares, axis=1, kind="stable")[:, :ANSWERS]
        rows = np.take_along_axis(found.rows, order, axis=1)
        scores = np.take_along_axis(shares, order, axis=1)
        lines, masses = node_masses(self.tree, found.rows, shares)
        chances = np.where(lines >= 0, self.node_curve(masses), 0)
        # A category cannot be surer than what it lies in.
        chances = np.minimum.accumulate(chances, axis=1)
        deep = (chances >= sure).sum(axis=1)
        ids = np.array(self.tree.ids)
        at = np.arange(len(titles)), np.maximum(deep - 1, 0)
        return TaxonomyAnswers(
            ids[rows],
            scores,
            self.first_curve(scores[:, 0]),
            np.where(deep > 0, ids[lines[at]], ""),
            np.where(deep > 0, chances[at], 0).astype(np.float32),
        )


def readable(title: str) -> str:
    """What is read of a title: its beginning, without shouting (e5 knows small letters better)."""
    short = title[:CODE_POINTS]
    return short.lower() if short.isupper() else short


def passage(path: Sequence[str]) -> str:
    """A category as the encoders read it: its name, then the two above it, nearest first."""
    above = ", ".join(reversed(path[:-1][-2:]))
    return f"{path[-1]} ({above})" if above else path[-1]


def load_taxonomy(artifact: Path | None = None, device: str = "cpu") -> TaxonomyPredictor:
    """The predictor of an artifact folder (None: the shipped one). Errors: ArtifactError."""
    return TaxonomyPredictor(load(artifact or shipped(KIND), KIND), device)


def _side(tensors: dict[str, NDArray[Any]], name: str) -> Side:
    def wide(part: str) -> Floats:
        return np.asarray(tensors[f"{name}_{part}"], dtype=np.float32)

    packed = tensors[f"{name}_categories"].astype(np.int8)
    return Side(Space(wide("centre"), wide("turn")), wide("asked_centre"), unpack(packed))
