"""What a smaller form of a model costs: `python -m models.evaluate.compression --data DIR --json`.

Size as stored, titles per second of one thread's processor time, and accuracy on bucket 0: of the fast tier on every
head, of the encoder on heads that were fitted once on what it gave before it was made smaller. Nothing is trained after
a reduction, and its calibration stays that of the whole model.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from models.compress.int8 import dynamic_int8, stored_bytes
from models.compress.onnx_files import export_encoder, export_titles, int8_file
from models.compress.onnx_runtime import OnnxCommittee, OnnxEncoder
from models.compress.prune import without_rare_ngrams, without_weak_inner_units, without_weak_units
from models.data import catalogues, fashion
from models.data.splits import TEST, TRAIN
from models.data.titles import LabelledTitles
from models.encoder import TextEncoder, load_encoder
from models.encoder.text import Name
from models.evaluate.imbalance import Head, head_of
from models.evaluate.metrics import Cases, accuracy, interval, macro_f1, value
from models.evaluate.printing import tell
from models.evaluate.products import answers
from models.registry import Artifact, load, shipped
from models.text.committee import Committee, Member
from models.text.compact import member, pack
from models.text.confidence import curves_of
from models.text.layout import Layout
from models.text.network import Size
from models.train.head_fit import HeadRecipe, fit_head, probabilities
from models.train.oversampling import each_once
from models.train.rare_losses import focal
from models.train.seeds import one_thread

Floats = NDArray[np.float32]
FULL = "as trained, 32 bits"
SHIPPED = "shipped, 4 bits"
INT8 = "dynamic int8"
ONNX = "ONNX"
ONNX_INT8 = "ONNX, int8"
KEPT = 0.5  # of n-grams, of hidden units, of inner units
TIMED = {"fast": 4000, "encoder": 256}  # titles whose time is taken, after a first pass over a few
ENCODER_HEADS = ("articleType", "baseColour")


def evaluate(
    data: Path,
    *,
    encoder: Name | None = "minilm",
    artifact: Path | None = None,
    asked: int = 1000,
    cache: Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Figures of every form of the fast tier and, unless None, of an encoder, as JSON-able values.

    `forms`: model, form, bytes, titles_per_s, agreement (share of answers equal to those of the whole model);
    `figures`: a row per model, form, set, task and metric with n, value and its 95 % interval. The encoder answers
    `asked` titles.
    Errors: DataError, ArtifactError (also without the extra `onnx`).
    """
    forms: list[dict[str, Any]] = []
    figures: list[dict[str, Any]] = []
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        fast = load(artifact or shipped("products"), "products")
        _fast(fast, catalogues.load(data), Path(folder), forms, figures, progress)
        if encoder is not None:
            heads = [head_of(fashion.load(data), task, encoder, cache) for task in ENCODER_HEADS]
            _encoder(load_encoder(encoder), encoder, heads, asked, Path(folder), forms, figures, progress)
    return {"forms": forms, "figures": figures}


def committees(
    artifact: Artifact, sets: Sequence[LabelledTitles], folder: Path
) -> dict[str, tuple[Committee | OnnxCommittee, int]]:
    """Every form of an artifact's title networks, with its stored bytes. ONNX files are written to `folder`."""
    layout = Layout.from_table(artifact.tables["layout"])
    inputs = artifact.manifest.inputs
    curves = curves_of(inputs)
    given = [(Size(**one["size"]), one["groups"], one["vote"]) for one in inputs["members"]]
    members = [member(artifact.tensors, place, layout, *each) for place, each in enumerate(given)]
    titles = [title for part in sets for title in dict.fromkeys(part.where(TRAIN).titles)]

    def committee(of: Sequence[Member]) -> Committee:
        return Committee(layout, of, inputs["temperatures"], curves=curves)

    def stored(of: Sequence[Member]) -> int:
        return sum(values.nbytes for values in pack(of).values())

    fewer = [without_rare_ngrams(one, titles, KEPT) for one in members]
    narrow = [without_weak_units(one, layout, KEPT) for one in members]
    small = [_replaced(one, dynamic_int8(one.network)) for one in members]
    found: dict[str, tuple[Committee | OnnxCommittee, int]] = {
        FULL: (committee(members), sum(stored_bytes(one.network) for one in members)),
        SHIPPED: (committee(members), stored(members)),
        f"{SHIPPED}, half of the n-grams": (committee(fewer), stored(fewer)),
        f"{SHIPPED}, half of the hidden units": (committee(narrow), stored(narrow)),
        INT8: (committee(small), sum(stored_bytes(one.network) for one in small)),
    }
    for name, change in ((ONNX, None), (ONNX_INT8, int8_file)):
        files = []
        for place, one in enumerate(members):
            file = folder / f"titles-{place}.onnx"
            if change is None:
                export_titles(one, layout, file)
            else:
                change(file, folder / f"titles-int8-{place}.onnx")
                file = folder / f"titles-int8-{place}.onnx"
            files.append((file, one.vocabulary, one.vote))
        size = sum(file.stat().st_size for file, *_ in files)
        found[name] = (OnnxCommittee(layout, files, inputs["temperatures"], curves), size)
    return found


def encoders(encoder: TextEncoder, titles: Sequence[str], folder: Path) -> dict[str, tuple[Callable[..., Floats], int]]:
    """Every form of an encoder as a function from titles to embeddings, with its stored bytes."""
    small = TextEncoder(dynamic_int8(encoder.bert), encoder.tokenizer)
    pruned = {keep: without_weak_inner_units(encoder, titles, keep) for keep in (0.75, 0.5)}
    whole, rounded = folder / "encoder.onnx", folder / "encoder-int8.onnx"
    export_encoder(encoder.bert, whole)
    int8_file(whole, rounded)
    return {
        FULL: (encoder.embed, stored_bytes(encoder.bert)),
        INT8: (small.embed, stored_bytes(small.bert)),
        **{f"{keep:.0%} of the inner units": (one.embed, stored_bytes(one.bert)) for keep, one in pruned.items()},
        ONNX: (OnnxEncoder(whole, encoder).embed, whole.stat().st_size),
        ONNX_INT8: (OnnxEncoder(rounded, encoder).embed, rounded.stat().st_size),
    }


def _fast(
    artifact: Artifact,
    sets: Sequence[LabelledTitles],
    folder: Path,
    forms: list[dict[str, Any]],
    figures: list[dict[str, Any]],
    progress: bool,
) -> None:
    asked = [part.where([TEST]) for part in sets]
    mixed = [title for part in asked for title in part.titles]
    timed = [mixed[i] for i in np.random.default_rng(0).permutation(len(mixed))[: TIMED["fast"]]]
    whole: dict[tuple[str, str], list[str]] = {}
    for form, (model, size) in tqdm(committees(artifact, sets, folder).items(), desc="fast", disable=not progress):
        same = []
        for part, domain in zip(asked, model.layout.domains, strict=True):
            for task, (labels, confidence) in answers(model.probabilities(part.titles), model.layout, domain).items():
                first = whole.setdefault((part.domain, task), labels)
                same.append(np.mean([mine == other for mine, other in zip(labels, first, strict=True)]))
                figures += _figures("fast", form, (part.domain, task), _named_cases(part, task, labels, confidence))
        forms.append(_form("fast", form, size, _rate(model.probabilities, timed), float(np.mean(same))))


def _encoder(
    encoder: TextEncoder,
    name: Name,
    heads: Sequence[Head],
    asked: int,
    folder: Path,
    forms: list[dict[str, Any]],
    figures: list[dict[str, Any]],
    progress: bool,
) -> None:
    networks = [
        fit_head(
            head.taught, head.held, head.size, HeadRecipe(), loss=focal(0.0), draw=each_once(head.taught[1]), seed=1
        )
        for head in heads
    ]
    rows = np.random.default_rng(0).permutation(len(heads[0].asked_titles))[:asked]
    prefix = "query: " if name == "e5" else ""
    titles = [prefix + heads[0].asked_titles[row] for row in rows]
    whole: dict[str, NDArray[np.int64]] = {}
    for form, (embed, size) in tqdm(encoders(encoder, titles, folder).items(), desc=name, disable=not progress):
        embedded = embed(titles)
        same = []
        for head, network in zip(heads, networks, strict=True):
            chances = probabilities(network, embedded)
            best = chances.argmax(axis=1)
            same.append(np.mean(best == whole.setdefault(head.name[1], best)))
            groups = np.unique(head.groups[rows], return_inverse=True)[1].astype(np.int64)
            figures += _figures(name, form, head.name, Cases(head.asked[1][rows], best, chances.max(axis=1), groups))
        forms.append(_form(name, form, size, _rate(embed, titles[: TIMED["encoder"]]), float(np.mean(same))))


def _replaced(one: Member, network: nn.Module) -> Member:
    """The member with another form of its network."""
    return Member(network, one.vocabulary, one.vote)  # type: ignore[arg-type]


def _rate(run: Callable[[list[str]], object], titles: list[str]) -> float:
    """Titles per second of this thread's processor time: a machine with other work to do changes it little."""
    run(titles[:32])
    began = time.process_time()
    run(titles)
    return len(titles) / (time.process_time() - began)


def _form(model: str, form: str, size: int, rate: float, agreement: float) -> dict[str, Any]:
    found = {"model": model, "form": form, "bytes": size, "titles_per_s": round(rate)}
    return found | {"agreement": round(agreement, 4)}


def _named_cases(part: LabelledTitles, task: str, labels: list[str], confidence: Floats) -> Cases:
    rows = np.flatnonzero([label != "" for label in part.labels[task]])
    known = {label: i for i, label in enumerate(sorted({*part.labels[task], *labels}))}
    truth = np.array([known[part.labels[task][i]] for i in rows])
    groups = np.unique([part.keys[i] for i in rows], return_inverse=True)[1].astype(np.int64)
    return Cases(truth, np.array([known[labels[i]] for i in rows]), confidence[rows], groups)


def _figures(model: str, form: str, head: tuple[str, str], cases: Cases) -> list[dict[str, Any]]:
    rows = []
    for name, metric in (("accuracy", accuracy), ("macro F1", macro_f1)):
        low, high = interval(metric, cases)
        row = {"model": model, "form": form, "set": head[0], "task": head[1], "metric": name, "n": len(cases)}
        rows.append(row | {"value": round(value(metric, cases), 4), "low": round(low, 4), "high": round(high, 4)})
    return rows


def table(result: dict[str, Any]) -> str:
    """The result as Markdown: a row per form; accuracy is the mean over the heads."""
    lines = ["| model | form | MB | titles/s | same answers | accuracy | macro F1 |"]
    lines.append("|---|---|" + "---:|" * 5)
    for form in result["forms"]:
        mean = {}
        for metric in ("accuracy", "macro F1"):
            wanted = (form["model"], form["form"], metric)
            each = [row["value"] for row in result["figures"] if (row["model"], row["form"], row["metric"]) == wanted]
            mean[metric] = float(np.mean(each))
        lines.append(
            f"| {form['model']} | {form['form']} | {form['bytes'] / 1e6:.1f} | {form['titles_per_s']:,} "
            f"| {100 * form['agreement']:.1f} % | {mean['accuracy']:.4f} | {mean['macro F1']:.4f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the table, or with --json the result; with --output write both beside one another."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.compression", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the product data sets")
    parser.add_argument(
        "--encoder", choices=("minilm", "e5", "none"), default="minilm", help="none: the fast tier only"
    )
    parser.add_argument("--asked", type=int, default=1000, help="titles that the encoder answers")
    parser.add_argument("--cache", type=Path, help="folder that keeps features between runs")
    parser.add_argument("--output", type=Path, help="write FILE.json and FILE.md")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    given = parser.parse_args()
    encoder = None if given.encoder == "none" else given.encoder
    result = evaluate(given.data, encoder=encoder, asked=given.asked, cache=given.cache)
    tell(result, table(result), output=given.output, as_json=given.json)


if __name__ == "__main__":
    main()
