"""Make the taxonomy's artifact: `shelfstream train taxonomy`, some minutes, most of them embedding.

Categories and labelled titles are embedded by the frozen encoders; the reranker is fitted on weak labels of buckets 2-8
and stopped, tempered and calibrated on the hand-labelled validation titles of bucket 9. The sample that the figures
come from is never read here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data import taxonomy as published
from models.encoder import load_encoder
from models.evaluate.taxonomy import evaluate
from models.evaluate.taxonomy_sample import VALIDATION, Labelled, read_sample
from models.registry import Manifest, content_version, save, with_metrics
from models.taxonomy.confidence import Curve, log_odds, node_masses
from models.taxonomy.examples import Examples
from models.taxonomy.features import Candidates, candidates
from models.taxonomy.lexical import Lexical
from models.taxonomy.mapping import mapping
from models.taxonomy.phrases import Phrases
from models.taxonomy.predictor import KIND, PASSAGE, QUERY, Side, passage, readable
from models.taxonomy.tree import NONE, Tree, accepted, from_paths
from models.taxonomy.vectors import Floats, fit_space, pack, unpack
from models.train.taxonomy_examples import Weak, phrases, weak_examples
from models.train.taxonomy_fit import fit_reranker

SIZES = {"e5": 256, "minilm": 128}  # directions kept of 384: what they lose in recall is less than a point
TITLES = 2250  # weak titles that the reranker is fitted on
AT_ONCE = 128
UNSEEN = 0.5  # share of training titles that see no labelled titles, as goods outside the training sets will
UNNAMED = 0.7  # share that see no phrases: those that were labelled by a phrase would else learn nothing but it
WEIGHTS = {"grocery": 0.3, "marketplace": 0.7}  # coarse labels teach less; the others count whole
TEMPERATURES = np.geomspace(0.4, 3, 25)
LICENCE = "Category ids and names: Shopify product taxonomy, MIT License, Copyright (c) Shopify."

Embed = Callable[[str, Sequence[str]], Floats]  # encoder's name, texts -> (n, width)


def train(data: Path, output: Path, *, seed: int = 7) -> dict[str, Any]:
    """Fit, store and measure. `data` is the folder of the data sets, `output` the artifact's folder.

    Gives what the artifact is and its figures, as JSON-able values; the figures also go into its manifest.
    Errors: DataError when a data set is missing.
    """
    fit_artifact(data, output, seed=seed)
    measured = evaluate(data, output)
    metrics = {key: measured[key] for key in ("figures", "slices", "baselines")}
    manifest = with_metrics(output, metrics)
    return {"artifact": str(output), "training": manifest.training, **measured}


def fit_artifact(data: Path, folder: Path, *, embed: Embed | None = None, seed: int = 7) -> Manifest:
    """Fit and store. Errors: DataError when the data are missing."""
    embed = embed or encoders()
    tree = _tree(data)
    lexical = Lexical(tree)
    weak, known = weak_examples(data), phrases()
    held = read_sample(tree, VALIDATION)
    chosen = np.sort(np.random.default_rng(0).choice(len(weak), min(TITLES, len(weak)), replace=False))
    random = np.random.default_rng(seed)
    asked = {name: _ask(embed, name, [weak[i].title for i in chosen]) for name in SIZES}
    sides: dict[str, Side] = {}
    tensors: dict[str, NDArray[Any]] = {}
    for name, size in SIZES.items():
        names = _names(embed, name, tree)
        space = fit_space(names, size)
        packed = pack(space.shorten(names))
        centre = asked[name].mean(axis=0).astype(np.float16)
        sides[name] = Side(space, centre.astype(np.float32), unpack(packed))
        tensors |= {f"{name}_categories": packed, f"{name}_centre": space.centre.astype(np.float16)}
        tensors |= {f"{name}_turn": space.turn.astype(np.float16), f"{name}_asked_centre": centre}
    taught = [weak[i] for i in chosen] + [Weak("phrase", phrase, ids) for phrase, ids in known.items()]
    near = np.concatenate([asked["e5"], _ask(embed, "e5", list(known))])
    owners, labels = _owners(tree, taught)
    packed = pack(sides["e5"].shorten(near)[owners])
    examples = Examples(unpack(packed), labels)
    table = {**_label_phrases(), **known}
    fitting = _Fitting(tree, lexical, sides, examples, Phrases(tree, table))
    same = _same(taught, owners)
    values, right = [], []
    for at in range(0, len(chosen), AT_ONCE):
        part = range(at, min(at + AT_ONCE, len(chosen)))
        out = [np.arange(len(owners)) if random.random() < UNSEEN else same[taught[i].title.lower()] for i in part]
        vectors = {name: asked[name][list(part)] for name in SIZES}
        seen_names = random.random(len(part)) >= UNNAMED
        found = fitting.find([taught[i].title for i in part], vectors, out, seen_names)
        values.append(found.values)
        right.append(_right(tree, found.rows, [accepted(tree, taught[i].patterns) for i in part]))
    weights = np.array([WEIGHTS.get(weak[i].source, 1.0) for i in chosen], dtype=np.float32)
    vectors = {name: _ask(embed, name, held.titles) for name in SIZES}
    nothing = [np.arange(len(owners))] * len(held)
    seen = fitting.find(held.titles, vectors)
    unseen = fitting.find(held.titles, vectors, nothing, np.zeros(len(held), dtype=np.bool_))
    truth = [_right(tree, found.rows, held.right) for found in (seen, unseen)]
    both = np.concatenate([seen.values, unseen.values]), np.concatenate(truth)
    reranker = fit_reranker(np.concatenate(values), np.concatenate(right), weights, both, seed)
    temperature = min(TEMPERATURES, key=lambda t: _loss(reranker.probabilities(both[0], float(t)), both[1]))
    tensors |= {"examples": packed, "example_labels": labels.astype(np.int16)}
    tensors |= reranker.tensors()
    rows = np.concatenate([seen.rows, unseen.rows])
    first, node = _curves(tree, rows, reranker.probabilities(both[0], float(temperature)), both[1], held)
    manifest = Manifest(
        name="shelfstream-taxonomy",
        version=content_version(tensors, "1"),
        kind=KIND,
        inputs={
            "columns": ["title"],
            "encoders": list(SIZES),
            "temperature": float(temperature),
            "first_curve": [first.slope, first.offset],
            "node_curve": [node.slope, node.offset],
        },
        training={
            "seed": seed,
            "taxonomy": published.version(data),
            "licence": LICENCE,
            "buckets": "weak labels 2-8; stopped and calibrated on 9",
            "weak_titles": len(chosen),
            "validation_titles": len(held),
        },
    )
    columns = {"ids": tree.ids, "en": tree.english, "zh": tree.chinese}
    saved = save(folder, manifest, tensors, {"categories": columns, "phrases": table})
    (folder / "LICENSE").write_text(published.licence(data), encoding="utf-8")
    return saved


def encoders(device: str = "cpu") -> Embed:
    """The pretrained encoders, loaded when first asked."""
    loaded = {name: load_encoder(name, device) for name in ("e5", "minilm")}
    return lambda name, texts: loaded["e5" if name == "e5" else "minilm"].embed(texts)


class _Fitting:
    """What the predictor does, before there is an artifact, with labelled titles left out where asked."""

    def __init__(
        self, tree: Tree, lexical: Lexical, sides: dict[str, Side], examples: Examples, phrases: Phrases
    ) -> None:
        self.tree, self.lexical, self.sides, self.examples, self.phrases = tree, lexical, sides, examples, phrases

    def find(
        self,
        titles: Sequence[str],
        vectors: dict[str, Floats],
        left_out: Sequence[NDArray[np.int64]] | None = None,
        named: NDArray[np.bool_] | None = None,
    ) -> Candidates:
        short = {name: side.shorten(vectors[name]) for name, side in self.sides.items()}
        similar = {name: short[name] @ side.categories.T for name, side in self.sides.items()}
        votes = self.examples.votes(self.tree, short["e5"], left_out)
        texts = [readable(title) for title in titles]
        names = self.phrases.votes(texts)
        if named is not None:
            names[~named] = 0
        return candidates(self.tree, self.lexical, texts, similar, votes, names)


def _label_phrases() -> dict[str, tuple[str, ...]]:
    """The labels of fashion are words of the trade too: `Mobile Pouch`, `Kurtis`."""
    labels = {label: category for (catalogue, label), category in mapping().items() if catalogue == "fashion"}
    return {label.lower(): (category,) for label, category in labels.items() if category != NONE}


def _tree(data: Path) -> Tree:
    english, chinese = published.names(data, "en"), published.names(data, "zh-CN")
    return from_paths(list(english), list(english.values()), [chinese[category] for category in english])


def _names(embed: Embed, name: str, tree: Tree) -> Floats:
    """(n, width) vectors of the categories; e5's lie between the English and the Chinese name, to be near to both."""
    english = [passage(tree.path(category)) for category in tree.ids]
    if name != "e5":
        return embed(name, english)
    chinese = [passage(tree.path(category, "zh")) for category in tree.ids]
    both = embed(name, [f"{PASSAGE}{text}" for text in english]) + embed(name, [f"{PASSAGE}{text}" for text in chinese])
    return np.asarray(both / np.linalg.norm(both, axis=1, keepdims=True), dtype=np.float32)


def _ask(embed: Embed, name: str, titles: Sequence[str]) -> Floats:
    texts = [readable(title) for title in titles]
    return embed(name, [f"{QUERY}{text}" for text in texts] if name == "e5" else texts)


def _owners(tree: Tree, taught: Sequence[Weak]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row of the title and row of the tree, once for each category that a title may belong to."""
    pairs = [(row, tree.row(category)) for row, one in enumerate(taught) for category in one.fine]
    owners, labels = np.array(pairs, dtype=np.int64).T
    return owners, labels


def _same(taught: Sequence[Weak], owners: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Lower-cased title -> the examples made of it, in whatever catalogue."""
    found: dict[str, list[int]] = {}
    for example, owner in enumerate(owners):
        found.setdefault(taught[owner].title.lower(), []).append(example)
    return {title: np.array(rows, dtype=np.int64) for title, rows in found.items()}


def _right(tree: Tree, rows: NDArray[np.int64], right: Sequence[frozenset[str]]) -> NDArray[np.bool_]:
    wanted = [np.array([tree.places[category] for category in one]) for one in right]
    return np.stack([np.isin(row, one) for row, one in zip(rows, wanted, strict=True)])


def _loss(shares: Floats, right: NDArray[np.bool_]) -> float:
    """Mean negative log probability of the right candidates, over titles that have one."""
    known = right.any(axis=1)
    return float(-np.log(np.maximum((shares * right).sum(axis=1)[known], 1e-9)).mean())


def _curves(
    tree: Tree, rows: NDArray[np.int64], shares: Floats, right: NDArray[np.bool_], held: Labelled
) -> tuple[Curve, Curve]:
    """Chances of the first answer and of each step down the tree, from how often they were right when held out."""
    best = shares.argmax(axis=1)
    top = shares[np.arange(len(shares)), best]
    first = _platt(top, right[np.arange(len(right)), best])
    lines, masses = node_masses(tree, rows, shares)
    truth = [*held.right, *held.right]  # with and without labelled titles nearby
    at, level = np.nonzero(lines >= 0)
    good = np.array(
        [any(tree.within(one, tree.ids[lines[a, b]]) for one in truth[a]) for a, b in zip(at, level, strict=True)]
    )
    return first, _platt(masses[at, level], good)


def _platt(shares: Floats, right: NDArray[np.bool_]) -> Curve:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=10.0).fit(log_odds(shares)[:, None], right)
    return Curve(float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))
