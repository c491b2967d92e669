"""All product models in one go: `shelfstream evaluate products`.

titles     categories and attributes of a title: fast tier, encoder tower and the cascade of both
goods      marketplace categories of a text with picture and prices
spans      attribute values and where a title says them
price      the range of plausible prices
taxonomy   Shopify's categories of any title, English and Chinese
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from models.errors import DataError
from models.evaluate import marketplace, price, products, spans, taxonomy
from models.evaluate.judged import Judged
from models.evaluate.slices import GAP
from models.registry import shipped
from models.text.predictor import TOWER

TITLES = "titles"


def evaluate(
    data: Path,
    artifact: Path | None = None,
    *,
    tower: Path | None = None,
    parts: Sequence[str] = (),
    baselines: bool = True,
    progress: bool = True,
    gap: float = GAP,
    keep: Callable[[Judged], None] | None = None,
) -> dict[str, Any]:
    """Figures of all product models, or of the `parts` named, on bucket 0, as JSON-able values.

    `figures` and `slices`: rows as each model's own evaluation gives them, `model` before them; `artifacts`: name and
    version by model; `skipped`: why a model was not measured, by model: its data are not in the folder. The other
    entries, and `artifact`, `tower` (None = the shipped ones), `gap` and `keep` are the title model's, see
    models.evaluate.products. Errors: DataError when a part that is named lacks its data, or nothing is there at all.
    """
    measured: dict[str, dict[str, Any]] = {}
    skipped: dict[str, str] = {}
    for name in parts or PARTS:
        try:
            if name == TITLES:
                measured[name] = products.evaluate(
                    data, artifact, tower=tower, baselines=baselines, progress=progress, gap=gap, keep=keep
                )
            else:
                measured[name] = _OTHERS[name](data, baselines, progress)
        except DataError as error:
            if parts:
                raise
            skipped[name] = str(error)
    if not measured:
        raise DataError(next(iter(skipped.values())))
    return {
        "artifacts": {name: one["artifact"] for name, one in measured.items()},
        "figures": [{"model": name, **row} for name, one in measured.items() for row in one["figures"]],
        "slices": [{"model": name, **row} for name, one in measured.items() for row in one.get("slices", [])],
        "baselines": list(dict.fromkeys(name for one in measured.values() for name in one["baselines"])),
        "gaps": measured[TITLES]["gaps"] if TITLES in measured else [],
        "skipped": skipped,
    }


def of_titles(result: Mapping[str, Any]) -> dict[str, Any]:
    """What of a result is the title model's, for its card."""
    own = {key: [row for row in result[key] if row["model"] == TITLES] for key in ("figures", "slices")}
    named = {name for row in own["figures"] for name in row["baselines"]}
    return {**own, "baselines": [name for name in result["baselines"] if name in named], "gaps": result["gaps"]}


def shipped_tower(artifact: Path | None) -> Path | None:
    """The tower of the shipped fast tier; another one has its own, or none."""
    return shipped(TOWER) if artifact is None else None


def _goods(data: Path, baselines: bool, progress: bool) -> dict[str, Any]:
    return marketplace.evaluate(data, baselines=baselines, progress=progress)


def _spans(data: Path, baselines: bool, _: bool) -> dict[str, Any]:
    return spans.evaluate(data, baselines=baselines)


def _price(data: Path, baselines: bool, _: bool) -> dict[str, Any]:
    return price.evaluate(data, baselines=baselines)


def _taxonomy(data: Path, baselines: bool, _: bool) -> dict[str, Any]:
    return taxonomy.evaluate(data, baselines=baselines)


_OTHERS: dict[str, Callable[[Path, bool, bool], dict[str, Any]]] = {
    "goods": _goods,
    "spans": _spans,
    "price": _price,
    "taxonomy": _taxonomy,
}
PARTS = (TITLES, *_OTHERS)
