"""What each remedy for rare classes does to them: `python -m models.evaluate.imbalance --data DIR --json`.

One head of one hidden layer on features that stay as they are, fitted the same way with each remedy and seed: buckets
2-8 teach, 9 stops, 0 measures. A rare class is one of the rarest third of those with at least 5 training rows. Titles
that stand in the data several times with one label teach once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from models.data import electronics, fashion, grocery
from models.data.splits import TEST, TRAIN, VALIDATION
from models.data.titles import LabelledTitles
from models.evaluate.metrics import Cases, accuracy, interval, macro_f1, rarest_third, value
from models.evaluate.printing import tell
from models.evaluate.title_features import Floats, Source, features
from models.train.feature_gan import GanRecipe, draw_around_means, fit_generator
from models.train.head_fit import Codes, HeadRecipe, fit_head, probabilities
from models.train.oversampling import each_once, repeat_factor, square_root
from models.train.rare_losses import Loss, adjusted, focal, weighted
from models.train.seeds import one_thread
from models.train.text_augmentation import altered

HEADS = (
    ("fashion", "articleType"),
    ("fashion", "baseColour"),
    ("electronics", "category"),
    ("grocery", "category"),
)
SEEDS = (1, 2, 3)
PLAIN = "cross-entropy"
RARE = "macro F1 of the rarest third"
MOST_COPIES = 4  # made rows of a class, for each real one: more would drown what is known
_LABEL_WORDS = 3  # longer labels are descriptions, not words that a title must keep


@dataclass(frozen=True, slots=True)
class Head:
    """One question: its rows as features and codes, and what is rare in it."""

    name: tuple[str, str]
    titles: list[str]  # of the training rows
    taught: tuple[Floats, Codes]
    held: tuple[Floats, Codes]
    asked: tuple[Floats, Codes]
    asked_titles: list[str]
    groups: Codes  # of the asked rows
    labels: list[str]  # by code; those without a training row come last
    size: int  # labels with a training row
    rare: Codes
    embed: Callable[[Sequence[str]], Floats]

    @property
    def counts(self) -> Codes:
        return np.bincount(self.taught[1], minlength=self.size)


def evaluate(
    data: Path,
    *,
    source: Source = "minilm",
    heads: Sequence[tuple[str, str]] = HEADS,
    seeds: Sequence[int] = SEEDS,
    recipe: HeadRecipe | None = None,
    gan: GanRecipe | None = None,
    cache: Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Figures of every remedy on every head, as JSON-able values.

    `figures`: a row per set, task, metric and method: mean over the seeds, deviation over them, each one, and for the
    rarest third the 95 % bootstrap interval over groups of the first seed. Errors: DataError.
    """
    loaded = {
        "fashion": lambda: fashion.load(data),
        "electronics": lambda: electronics.load(data),
        "grocery": grocery.load,
    }
    parts = {name: loaded[name]() for name in dict.fromkeys(name for name, _ in heads)}
    figures: list[dict[str, Any]] = []
    about: list[dict[str, Any]] = []
    with one_thread(), tqdm(total=len(heads) * len(seeds) * len(METHODS), disable=not progress) as bar:
        for name, task in heads:
            head = head_of(parts[name], task, source, cache)
            about.append(_about(head))
            found: dict[str, list[Cases]] = {method: [] for method in METHODS}
            for seed in seeds:
                for method, remedy in METHODS.items():
                    bar.set_postfix(head=task, method=method, seed=seed)
                    rows, loss, draw = remedy(head, seed, gan or GanRecipe())
                    network = fit_head(
                        rows, head.held, head.size, recipe or HeadRecipe(), loss=loss, draw=draw, seed=seed
                    )
                    chances = probabilities(network, head.asked[0])
                    found[method].append(Cases(head.asked[1], chances.argmax(axis=1), chances.max(axis=1), head.groups))
                    bar.update()
            figures += [row for method, cases in found.items() for row in _figures(head, method, cases, found[PLAIN])]
    return {"features": source, "seeds": list(seeds), "heads": about, "figures": figures}


def head_of(part: LabelledTitles, task: str, source: Source, cache: Path | None) -> Head:
    """The rows of one head: distinct (title, label) pairs teach and stop, all rows with a label are asked."""

    def embed(titles: Sequence[str]) -> Floats:
        return features(source, titles, cache)

    found = dict(zip(part.titles, embed(part.titles), strict=True))
    counted = np.unique([label for label in part.where(TRAIN).labels[task] if label], return_counts=True)
    taught_labels = [str(label) for label in counted[0]]
    unseen = sorted(set(part.where([TEST]).labels[task]) - {"", *taught_labels})
    labels = [*taught_labels, *unseen]
    code = {label: i for i, label in enumerate(labels)}
    known = part.where(TRAIN)
    pairs = list(dict.fromkeys((t, code[v]) for t, v in zip(known.titles, known.labels[task], strict=True) if v))
    stop = part.where([VALIDATION])
    held = list(dict.fromkeys((t, code[v]) for t, v in zip(stop.titles, stop.labels[task], strict=True) if v in code))
    last = part.where([TEST])
    asked = [(t, code[v], key) for t, v, key in zip(last.titles, last.labels[task], last.keys, strict=True) if v]

    def arrays(rows: Sequence[tuple[Any, ...]]) -> tuple[Floats, Codes]:
        return np.stack([found[row[0]] for row in rows]), np.array([row[1] for row in rows], dtype=np.int64)

    return Head(
        name=(part.domain, task),
        titles=[title for title, _ in pairs],
        taught=arrays(pairs),
        held=arrays([row for row in held if row[1] < len(taught_labels)]),
        asked=arrays(asked),
        asked_titles=[title for title, *_ in asked],
        groups=np.unique([key for *_, key in asked], return_inverse=True)[1].astype(np.int64),
        labels=labels,
        size=len(taught_labels),
        rare=rarest_third(np.append(counted[1], np.zeros(len(unseen), dtype=np.int64))),
        embed=embed,
    )


Prepared = tuple[tuple[Floats, Codes], Loss, Callable[[np.random.Generator], Codes]]
Remedy = Callable[[Head, int, GanRecipe], Prepared]


def _with_loss(make: Callable[[Codes], Loss]) -> Remedy:
    return lambda head, seed, gan: (head.taught, make(head.counts), each_once(head.taught[1]))


def _with_draw(make: Callable[[Codes], Callable[[np.random.Generator], Codes]]) -> Remedy:
    return lambda head, seed, gan: (head.taught, focal(0.0), make(head.taught[1]))


def _with_rows(make: Callable[[Head, Codes, int, GanRecipe], Floats]) -> Remedy:
    """Small classes filled up with made rows."""

    def remedy(head: Head, seed: int, gan: GanRecipe) -> Prepared:
        wanted = wanted_rows(head.counts)
        codes = np.concatenate([head.taught[1], wanted])
        made = make(head, wanted, seed, gan)
        return (np.concatenate([head.taught[0], made]), codes), focal(0.0), each_once(codes)

    return remedy


def wanted_rows(counts: Codes) -> Codes:
    """The classes of the rows to be made: each below the median is filled up to it, at most MOST_COPIES for one."""
    known = counts[counts > 0]
    lacking = np.minimum(np.maximum(int(np.median(known)) - counts, 0), MOST_COPIES * counts)
    return np.repeat(np.arange(len(counts)), lacking)


def _rewritten(head: Head, wanted: Codes, seed: int, gan: GanRecipe) -> Floats:
    """Titles of the wanted classes, altered. Words of the labels stay. The draw is the same for every seed of the
    head, since each needs the encoder anew."""
    random = np.random.default_rng(0)
    rows_of = [np.flatnonzero(head.taught[1] == code) for code in range(head.size)]
    keep = {word for label in head.labels if len(words := label.lower().split()) <= _LABEL_WORDS for word in words}
    return head.embed([altered(head.titles[int(random.choice(rows_of[code]))], random, keep) for code in wanted])


def _around_means(head: Head, wanted: Codes, seed: int, gan: GanRecipe) -> Floats:
    return draw_around_means(*head.taught, wanted, seed)


def _generated(head: Head, wanted: Codes, seed: int, gan: GanRecipe) -> Floats:
    generator, _ = fit_generator(*head.taught, gan, seed=seed)
    return generator.draw(wanted, np.random.default_rng(seed))


METHODS: dict[str, Remedy] = {
    PLAIN: _with_loss(lambda counts: focal(0.0)),
    "class weights, effective number": _with_loss(weighted),
    "focal loss": _with_loss(lambda counts: focal()),
    "logit adjustment": _with_loss(adjusted),
    "square-root sampling": _with_draw(square_root),
    "repeat-factor sampling": _with_draw(repeat_factor),
    "titles altered": _with_rows(_rewritten),
    "noise around class means": _with_rows(_around_means),
    "conditional WGAN-GP": _with_rows(_generated),
}


def _about(head: Head) -> dict[str, Any]:
    rare = np.isin(head.asked[1], head.rare)
    return {
        "set": head.name[0],
        "task": head.name[1],
        "labels": head.size,
        "training titles": len(head.taught[1]),
        "rare labels": len(head.rare),
        "training titles of rare labels": int(np.isin(head.taught[1], head.rare).sum()),
        "test rows of rare labels": int(rare.sum()),
        "rows made": len(wanted_rows(head.counts)),
    }


def _figures(head: Head, method: str, cases: Sequence[Cases], plain: Sequence[Cases]) -> Iterator[dict[str, Any]]:
    def rare_f1(given: Cases, weights: np.ndarray) -> float:
        return macro_f1(given, weights, head.rare)

    for name, metric in ((RARE, rare_f1), ("macro F1", macro_f1), ("accuracy", accuracy)):
        each = [value(metric, one) for one in cases]
        gains = [mine - value(metric, other) for mine, other in zip(each, plain, strict=True)]
        row = {"set": head.name[0], "task": head.name[1], "metric": name, "method": method, "n": len(cases[0])}
        row |= {"value": round(float(np.mean(each)), 4), "deviation": _deviation(each)}
        row |= {"gain": round(float(np.mean(gains)), 4), "gain_deviation": _deviation(gains)}
        row |= {"each": [round(one, 4) for one in each]}
        if name == RARE:
            low, high = interval(metric, cases[0])
            row |= {"low": round(low, 4), "high": round(high, 4)}
        yield row


def _deviation(values: Sequence[float]) -> float:
    return round(float(np.std(values, ddof=1)), 4) if len(values) > 1 else 0.0


def table(result: dict[str, Any]) -> str:
    """The result as Markdown: a row per remedy, a column per head; gain over cross-entropy in the same seeds."""
    heads = [(one["set"], one["task"]) for one in result["heads"]]
    found = {(row["set"], row["task"], row["metric"], row["method"]): row for row in result["figures"]}
    lines = [f"| remedy | {' | '.join(f'{data} {task}' for data, task in heads)} |", "|---|" + "---:|" * len(heads)]
    for method in METHODS:
        cells = []
        for head in heads:
            row, whole = found[*head, RARE, method], found[*head, "accuracy", method]
            gain = "" if method == PLAIN else f" ({100 * row['gain']:+.1f} ± {100 * row['gain_deviation']:.1f})"
            cells.append(f"{100 * row['value']:.1f} ± {100 * row['deviation']:.1f}{gain}; {100 * whole['value']:.1f}")
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, or with --json the result; with --output write both beside one another."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.imbalance", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the product data sets")
    parser.add_argument("--features", choices=("minilm", "e5", "fast"), default="minilm", help="what the head reads")
    parser.add_argument("--heads", nargs="*", help="only these, as set:task")
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    parser.add_argument("--cache", type=Path, help="folder that keeps features between runs")
    parser.add_argument("--output", type=Path, help="write FILE.json and FILE.md")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    given = parser.parse_args()
    heads = [tuple(head.split(":", 1)) for head in given.heads] if given.heads else HEADS
    unknown = [head for head in heads if head not in HEADS]
    if unknown:
        parser.error(f"there is no head {unknown[0]}; choose of {', '.join(':'.join(head) for head in HEADS)}")
    result = evaluate(given.data, source=given.features, heads=heads, seeds=given.seeds, cache=given.cache)
    tell(result, table(result), output=given.output, as_json=given.json)


if __name__ == "__main__":
    main()
