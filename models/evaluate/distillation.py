"""What a teacher or other sampling does to the fast tier: `python -m models.evaluate.distillation --data DIR --json`.

The fast tier is fitted with each method from the same seeds for the same number of epochs, stored, calibrated on bucket
9 and measured on bucket 0, beside the teacher. Buckets 2-8 teach; the teacher is asked about their titles only.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from tqdm import tqdm

from models.data import catalogues
from models.data.splits import TEST, TRAIN
from models.data.titles import LabelledTitles
from models.evaluate.metrics import (
    Cases,
    Metric,
    accuracy,
    calibration_error,
    group_draws,
    macro_f1,
    rarest_third,
    value,
)
from models.evaluate.printing import tell
from models.evaluate.products import answers
from models.text.committee import Committee
from models.text.layout import Layout
from models.text.predictor import load_products
from models.train.distillation import Distillation
from models.train.options import RunPlace
from models.train.products import NAME, RECIPES
from models.train.seeds import one_thread
from models.train.title_artifact import fit_artifact
from models.train.title_fit import Recipe
from models.train.title_sampling import Sampling
from models.train.title_teacher import SHIPPED, Teacher, load_teacher

TEACHER, PLAIN = "the teacher itself", "labels alone"
METHODS: Mapping[str, tuple[Distillation | None, Sampling]] = {
    PLAIN: (None, "once"),
    "teacher on the titles": (Distillation(), "once"),
    "teacher on altered titles too": (Distillation(copies=1), "once"),
    "labels alone, square-root sampling": (None, "square-root"),
}
Key = tuple[str, str]  # domain and task


def evaluate(
    data: Path,
    *,
    teacher: Path = SHIPPED,
    methods: Sequence[str] = tuple(METHODS),
    recipes: Sequence[Recipe] = RECIPES,
    epochs: int | None = None,
    seeds: Sequence[int] = (7,),
    cache: Path | None = None,
    checkpoints: Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Figures of every method on every head, as JSON-able values.

    `figures`: a row per set, task, metric and method: mean over the seeds, each one, and the gain over labels alone in
    the same seeds with its 95 % interval over groups; `seconds`: processor time of a training, in this run. `cache`
    keeps the teacher's answers; `checkpoints` is a folder from which a run that was killed goes on.
    Errors: DataError, ArtifactError, TrainingError.
    """
    sets = catalogues.load(data)
    asked = load_teacher(teacher, cache)
    chosen = [recipe if epochs is None else replace(recipe, epochs=epochs) for recipe in recipes]
    found: dict[str, list[dict[Key, Cases]]] = {}
    seconds: dict[str, float] = {}
    with one_thread(), tqdm(total=len(methods) * len(seeds), disable=not progress) as bar:
        for method in methods:
            began = process_time()
            found[method] = []
            for seed in seeds:
                bar.set_postfix(method=method, seed=seed)
                place = RunPlace(checkpoints, resume=True).part(f"{method.replace(',', '').replace(' ', '-')}-{seed}")
                how, sampling = METHODS[method]
                drawn = [replace(recipe, sampling=sampling) for recipe in chosen]
                found[method].append(_fitted(sets, asked, how, drawn, seed, place, progress))
                bar.update()
            seconds[method] = round((process_time() - began) / len(seeds), 1)
        found[TEACHER] = [_cases(sets, asked.predictor.chosen(refined=True), asked.predictor.layout)]
    return {
        "teacher": asked.version,
        "seeds": list(seeds),
        "epochs": [recipe.epochs for recipe in chosen],
        "seconds": seconds,
        "figures": [row for method in found for row in _figures(sets, method, found[method], found.get(PLAIN))],
    }


def _fitted(
    sets: Sequence[LabelledTitles],
    teacher: Teacher,
    how: Distillation | None,
    recipes: Sequence[Recipe],
    seed: int,
    place: RunPlace,
    progress: bool,
) -> dict[Key, Cases]:
    with tempfile.TemporaryDirectory(prefix="shelfstream-distilled-") as folder:
        fit_artifact(
            sets,
            Path(folder),
            recipes,
            name=NAME,
            seed=seed,
            place=place,
            teacher=None if how is None else teacher,
            how=how,
            progress=progress,
        )
        predictor = load_products(Path(folder))
    return _cases(sets, predictor.committee, predictor.layout)


def _cases(sets: Sequence[LabelledTitles], committee: Committee, layout: Layout) -> dict[Key, Cases]:
    """The answers on bucket 0, by head."""
    found = {}
    for part, domain in zip(sets, layout.domains, strict=True):
        asked = part.where([TEST])
        named = answers(committee.probabilities(asked.titles), layout, domain)
        for head in domain.heads:
            code = {label: i for i, label in enumerate(_labels(part, head.name))}
            rows = np.flatnonzero([label != "" for label in asked.labels[head.name]])
            labels, confidence = named[head.name]
            _, groups = np.unique([asked.keys[i] for i in rows], return_inverse=True)
            found[part.domain, head.name] = Cases(
                truth=np.array([code[asked.labels[head.name][i]] for i in rows]),
                predicted=np.array([code.get(labels[i], len(code)) for i in rows]),
                confidence=confidence[rows],
                groups=groups.astype(np.int64),
            )
    return found


def _labels(part: LabelledTitles, task: str) -> list[str]:
    """Those of the training and test rows, as codes are given."""
    return sorted({*part.where(TRAIN).labels[task], *part.where([TEST]).labels[task]} - {""})


def _figures(
    sets: Sequence[LabelledTitles],
    method: str,
    seeds: Sequence[dict[Key, Cases]],
    plain: Sequence[dict[Key, Cases]] | None,
) -> Iterator[dict[str, Any]]:
    for part, task in [(part, task) for part in sets for domain, task in seeds[0] if domain == part.domain]:
        mine = [one[part.domain, task] for one in seeds]
        others = None if plain is None else [one[part.domain, task] for one in plain]
        labels = _labels(part, task)
        taught = part.where(TRAIN).labels[task]
        rare = rarest_third(np.array([taught.count(label) for label in labels]))
        for name, metric in _metrics(rare).items():
            each = [value(metric, cases) for cases in mine]
            row = {"set": part.domain, "task": task, "metric": name, "method": method, "n": len(mine[0])}
            row |= {"value": _short(float(np.mean(each))), "each": [_short(one) for one in each]}
            if others is not None and method != PLAIN and row["value"] is not None:
                row |= _gain(metric, mine, others)
            yield row


def _gain(metric: Metric, mine: Sequence[Cases], others: Sequence[Cases]) -> dict[str, Any]:
    """What the mean over seeds gains over that of the others, and its 95 % interval over groups."""

    def difference(draw: Any) -> float:
        return float(np.mean([metric(c, draw(c)) for c in mine]) - np.mean([metric(c, draw(c)) for c in others]))

    drawn = [difference(lambda c, times=times: times[c.groups]) for times in group_draws(mine[0].groups)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    whole = difference(lambda c: np.ones(len(c)))
    return {"gain": round(whole, 4), "gain_low": round(float(low), 4), "gain_high": round(float(high), 4)}


def _short(number: float) -> float | None:
    """Four decimals; None (JSON has no nan) where no label of the test rows is rare."""
    return None if np.isnan(number) else round(number, 4)


def _metrics(rare: np.ndarray) -> dict[str, Metric]:
    return {
        "accuracy": accuracy,
        "macro F1": macro_f1,
        "macro F1 of the rarest third": lambda cases, weights: macro_f1(cases, weights, rare),
        "ECE": calibration_error,
    }


def table(result: dict[str, Any]) -> str:
    """The result as Markdown: a row per head and method, in brackets the gain over labels alone; in points but for ECE.

    Bold: the interval of the gain leaves out 0.
    """
    found = {(row["set"], row["task"], row["method"], row["metric"]): row for row in result["figures"]}
    names = list(dict.fromkeys(row["metric"] for row in result["figures"]))
    lines = [f"| head | method | {' | '.join(names)} |", "|---|---|" + "---:|" * len(names)]
    methods = dict.fromkeys(row["method"] for row in result["figures"])
    for domain, task in dict.fromkeys(key[:2] for key in found):
        for method in methods:
            cells = [_cell(found[domain, task, method, name]) for name in names]
            lines.append(f"| {domain} {task} | {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return "-"
    scale, style = (1, ".4f") if row["metric"] == "ECE" else (100, ".2f")
    shown = f"{row['value'] * scale:{style}}"
    if "gain" not in row:
        return shown
    shown += f" ({row['gain'] * scale:+{style}})"
    return f"**{shown}**" if row["gain_low"] > 0 or row["gain_high"] < 0 else shown


def main() -> None:
    """Print the table, or with --json the result; with --output write both beside one another."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.distillation", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the product data sets")
    parser.add_argument("--teacher", type=Path, default=SHIPPED, help="shipped, or a folder; as train products has it")
    parser.add_argument("--methods", nargs="*", default=list(METHODS), help="only these")
    parser.add_argument("--epochs", type=int, help="of every network; default: the shipped model's numbers")
    parser.add_argument("--seeds", type=int, nargs="*", default=[7])
    parser.add_argument("--cache", type=Path, help="folder that keeps what the teacher answered between runs")
    parser.add_argument("--checkpoints", type=Path, help="folder from which a run that was killed goes on")
    parser.add_argument("--output", type=Path, help="write FILE.json and FILE.md")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    given = parser.parse_args()
    unknown = [name for name in given.methods if name not in METHODS]
    if unknown:
        parser.error(f"there is no method {unknown[0]!r}; choose of {', '.join(METHODS)}")
    result = evaluate(
        given.data,
        teacher=given.teacher,
        methods=given.methods,
        epochs=given.epochs,
        seeds=given.seeds,
        cache=given.cache,
        checkpoints=given.checkpoints,
    )
    tell(result, table(result), output=given.output, as_json=given.json)


if __name__ == "__main__":
    main()
