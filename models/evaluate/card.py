"""The model card (Mitchell et al., arXiv:1810.03993): JSON and a Markdown page with plots, from what was measured.

model-card.json    every figure, slice, gap and confusion
model-card.md      the same for people
*.png              reliability, coverage against precision, the worst confusions; drawn when matplotlib is there
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from models.data.splits import KEPT_OUT, TEST, TRAIN, VALIDATION
from models.errors import ModelError
from models.evaluate.card_facts import NOT_FOR, SOURCES, UNKNOWN, USES, Source
from models.evaluate.judged import Judged
from models.evaluate.metrics import ECE_BINS, HONEST, PRECISION, REPLICATES
from models.evaluate.slices import FEWEST_GROUPS, gap_line
from models.registry import Artifact

WORST = 12  # pairs of labels taken for each other that are shown
FORMAT = 1


def card(artifact: Artifact, measured: Mapping[str, Any], judged: Sequence[Judged], gap: float) -> dict[str, Any]:
    """The card as JSON-able values. `measured` is what `models.evaluate.products.evaluate` gave, for this artifact."""
    manifest = artifact.manifest
    rows = manifest.training.get("rows", {})
    sets = list(dict.fromkeys(each.set for each in judged))
    return {
        "format": FORMAT,
        "model": {"name": manifest.name, "version": manifest.version, "kind": manifest.kind},
        "bytes": sum(file.stat().st_size for file in artifact.path.iterdir() if file.is_file()),
        "reads": manifest.inputs.get("columns", []),
        "answers": manifest.labels,
        "uses": list(USES),
        "not_for": list(NOT_FOR),
        "data": [
            {"set": name, "source": _source(name).name, "licence": _source(name).licence}
            | {
                "training_rows": rows.get(name),
                "test_rows": max(len(each.cases) for each in judged if each.set == name),
            }
            for name in sets
        ],
        "protocol": {
            "training_buckets": manifest.training.get("fitted_buckets", list(TRAIN)),
            "validation_bucket": manifest.training.get("calibrated_on_bucket", VALIDATION),
            "test_bucket": TEST,
            "kept_out_bucket": KEPT_OUT,
            "bootstrap_samples": REPLICATES,
            "calibration_bins": ECE_BINS,
            "precision_of_coverage": PRECISION,
        },
        "figures": measured["figures"],
        "baselines": measured["baselines"],
        "behind": _behind(measured["figures"]),
        "slices": measured["slices"],
        "gap_bound": gap,
        "fewest_groups": FEWEST_GROUPS,
        "gaps": measured["gaps"],
        "confusions": confusions(judged),
    }


def confusions(judged: Sequence[Judged], count: int = WORST) -> list[dict[str, Any]]:
    """The pairs (true label, answer) that are wrong most often, over all tasks, the most frequent first."""
    found = []
    for each in judged:
        wrong = each.cases.truth != each.cases.predicted
        pairs = Counter(zip(each.cases.truth[wrong].tolist(), each.cases.predicted[wrong].tolist(), strict=True))
        rows = Counter(each.cases.truth.tolist())
        for (truth, predicted), n in pairs.items():
            answer = each.labels[predicted] if predicted < len(each.labels) else "(of another catalogue)"
            found.append(
                {"set": each.set, "task": each.task, "truth": each.labels[truth], "answer": answer}
                | {"n": n, "of": rows[truth]}
            )
    found.sort(key=lambda pair: (-int(pair["n"]), pair["set"], pair["task"], pair["truth"], pair["answer"]))
    return found[:count]


def markdown(made: Mapping[str, Any], plots: Sequence[str]) -> str:
    """The card for people; `plots` are the names of the pictures beside it."""
    environment = Environment(
        loader=PackageLoader("models.evaluate"),
        autoescape=False,  # the page is Markdown, whose marks `cell` takes care of
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cell": _cell, "number": _number, "gap_line": gap_line}
    return environment.get_template("card.md.j2").render(card=made, plots=plots)


def write_card(
    folder: Path, artifact: Artifact, measured: Mapping[str, Any], judged: Sequence[Judged], gap: float
) -> list[Path]:
    """Write the card and its plots into a folder; gives the files. Errors: ModelError without matplotlib."""
    try:
        from models.evaluate.card_plots import draw
    except ImportError as error:
        raise ModelError("a model card has plots, which need matplotlib: pip install 'shelfstream[train]'") from error
    folder.mkdir(parents=True, exist_ok=True)
    made = card(artifact, measured, judged, gap)
    plots = draw(folder, judged, made["confusions"])
    told, page = folder / "model-card.json", folder / "model-card.md"
    told.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    page.write_text(markdown(made, [plot.name for plot in plots]), encoding="utf-8")
    return [told, page, *plots]


def _source(name: str) -> Source:
    return SOURCES.get(name, UNKNOWN)


def _behind(figures: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Figures in which a baseline is better than the model."""
    return [
        {"set": each["set"], "task": each["task"], "metric": each["metric"], "value": each["value"]}
        | {"baseline": name, "baseline_value": value}
        for each in figures
        for name, value in each["baselines"].items()
        if None not in (value, each["value"])
        and each["metric"] != HONEST
        and (value < each["value"] if each["metric"].startswith("ECE") else value > each["value"])
    ]


def _cell(text: object) -> str:
    """A text inside a table or a line of Markdown, as it is written and never as markup."""
    escaped = "".join(f"\\{sign}" if sign in "\\`*_[]<>|#&" else sign for sign in str(text))
    return " ".join(escaped.split())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
