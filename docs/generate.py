"""Writes the pages that are made from the code: `python docs/generate.py`; with --check it only names stale ones."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from schemas.topics import TOPICS
from streams.config import ENV_PREFIX, Settings, setting_names
from streams.metrics.declared import ALL

HERE = Path(__file__).parent
MADE = "*Made by `python docs/generate.py`; do not edit.*"
DAY_MS = 86_400_000


def topics() -> str:
    """docs/topics.md"""
    rows = []
    for spec in TOPICS:
        value = (
            f"[`{spec.value.__name__}`](../schemas/json/{spec.value.__name__}.schema.json)"
            if spec.value
            else "state row"
        )
        kept = "for ever" if spec.retention_ms < 0 else f"{spec.retention_ms // DAY_MS} days"
        kept += ", compacted" if "compact" in spec.cleanup else ""
        size = f"{spec.max_message_bytes // 1024 // 1024} MiB"
        rows.append(f"| `{spec.name}` | {spec.key} | {value} | {spec.partitions} | {kept} | {size} | {spec.meaning} |")
    return "\n".join(
        [
            "# Topics",
            "",
            MADE,
            "",
            "`shelfstream topics create` makes them, `shelfstream topics verify` compares a cluster with this table. All",
            "have the same number of partitions, because outputs and changelogs go to the partition of their source.",
            "Values are MessagePack maps; inputs may be JSON. Keys are UTF-8 ids. A null value deletes what the key names.",
            "",
            "| topic | key | value | partitions | kept | largest record | meaning |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def configuration() -> str:
    """docs/configuration.md"""
    values: dict[str, Any] = Settings.model_construct().model_dump(mode="json")
    rows = []
    for name, meaning in setting_names().items():
        group, _, key = name.rpartition(".")
        value = values[group][key] if group else values[key]
        variable = ENV_PREFIX + name.replace(".", "_").upper()
        rows.append(f"| `{name}` | `{'' if value is None else value}` | `{variable}` | {meaning} |")
    return "\n".join(
        [
            "# Configuration",
            "",
            MADE,
            "",
            "A setting comes from, the last wins: its default, `shelfstream.toml` (or `--config FILE`), its variable, its",
            "flag. `KAFKA_BOOTSTRAP_SERVERS` stands in for `kafka.bootstrap_servers` where nothing else sets it. An unknown",
            "setting or variable is an error. `shelfstream worker --check-config` prints what a worker would use.",
            "",
            "| setting | default | variable | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def metrics() -> str:
    """docs/metrics.md"""
    rows = []
    for metric in ALL:
        described = next(iter(metric.describe()))
        labels = ", ".join(getattr(metric, "_labelnames", ()))
        name = described.name + ("_total" if described.type == "counter" else "")
        rows.append(f"| `{name}` | {described.type} | {labels} | {described.documentation} |")
    return "\n".join(
        [
            "# Metrics and health",
            "",
            MADE,
            "",
            "One port (`web.port`) answers `/metrics` (Prometheus), `/healthz` (the process lives) and `/readyz` (partitions",
            "are assigned, state is recovered, nothing is stalled; otherwise 503 and the reason).",
            "",
            "| metric | type | labels | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def models() -> str:
    """docs/models.md"""
    parts = [
        "# Models",
        "",
        MADE,
        "",
        "The figures are those in the artifacts' manifests, on test groups (bucket 0 by SHA-1 of the title or person) that no",
        "training, early stopping or calibration saw (of demand: on the last 28 days); in brackets the 95 % bootstrap interval",
        "over groups. Baselines ran in the same evaluation. `shelfstream evaluate products --data DIR`, `evaluate behaviour",
        "--data DIR` and `evaluate demand --data DIR` measure them again; the first table is that of `--part titles --fast-only`.",
        "",
        (HERE / "models-notes.md").read_text().strip(),
    ]
    for kind in (*PRODUCT_MODELS, *BEHAVIOUR_MODELS, "risk", "visit", "taste", "demand"):
        manifest = _manifest(kind)
        parts += ["", f"## {manifest['name']} {manifest['version']}"]
        for data in dict.fromkeys(figure["set"] for figure in manifest["metrics"]["figures"]):
            figures = [figure for figure in manifest["metrics"]["figures"] if figure["set"] == data]
            names = list(dict.fromkeys(name for figure in figures for name in figure["baselines"]))
            parts += ["", f"### {data}", "", f"| task | metric | n | shelfstream | {' | '.join(names)} |"]
            parts.append("|---|---|---:|---:|" + "---:|" * len(names))
            parts += [_row(figure, names) for figure in figures]
    return "\n".join([*parts, ""])


def readme() -> str:
    """README.md: its two tables of figures, between marks; the rest is written by hand."""
    text = (HERE / "../README.md").read_text()
    chosen = [figure for kind in ("products", "behaviour") for figure in _manifest(kind)["metrics"]["figures"]]
    rows = ["| | n | shelfstream | floor | simple baseline |", "|---|---:|---:|---:|---:|"]
    for data, task, metric, floor, simple in HEADLINES:
        for figure in chosen:
            if (figure["set"], figure["task"], figure["metric"]) == (data, task, metric):
                beside = [f"{figure['baselines'][name]:.3f}" for name in (floor, simple)]
                rows.append(
                    f"| {data}: {task}, {metric} | {figure['n']:,} | **{figure['value']:.3f}** | {' | '.join(beside)} |"
                )
    results = sorted((HERE / "../benchmarks/results").glob("20*.md"))
    measured = results[-1].read_text().strip() if results else ""
    for mark, block in (("models", "\n".join(rows)), ("benchmarks", measured)):
        text = re.sub(
            f"<!-- {mark} -->.*<!-- /{mark} -->", f"<!-- {mark} -->\n{block}\n<!-- /{mark} -->", text, flags=re.DOTALL
        )
    return text


def _manifest(kind: str) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((HERE / f"../models/artifacts/{kind}/manifest.json").read_text())
    return manifest


def _row(figure: dict[str, Any], names: list[str]) -> str:
    beside = [_number(figure["baselines"].get(name)) for name in names]
    value = f"**{_number(figure['value'])}**"
    if figure.get("low") is not None:
        value += f" [{_number(figure['low'])}, {_number(figure['high'])}]"
    return f"| {figure['task']} | {figure['metric']} | {figure['n']:,} | {value} | {' | '.join(beside)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


PRODUCT_MODELS = ("products", "products-encoder", "marketplace", "spans", "price", "taxonomy")
BEHAVIOUR_MODELS = ("behaviour", "items", "session")
BAG, TFIDF, LSTM, FREQUENCY = "plain n-gram bag", "tf-idf + logistic regression", "plain LSTM", "frequency"
HEADLINES = (
    *(("fashion", head, "accuracy", BAG, TFIDF) for head in ("articleType", "baseColour", "gender", "season", "usage")),
    *(("fashion", head, "macro F1", BAG, TFIDF) for head in ("articleType", "baseColour")),
    ("electronics", "category", "accuracy", BAG, TFIDF),
    *(("grocery", head, "accuracy", BAG, TFIDF) for head in ("department", "category")),
    *(("completejourney", "next category", f"recall@{k}", LSTM, FREQUENCY) for k in (1, 10, 20)),
)
PAGES = {
    "models.md": models,
    "../README.md": readme,
    "topics.md": topics,
    "configuration.md": configuration,
    "metrics.md": metrics,
}


def main() -> int:
    """0 if every page is (now) as it should be, 1 if --check found a stale one."""
    stale = [name for name, make in PAGES.items() if not (HERE / name).is_file() or (HERE / name).read_text() != make()]
    if "--check" in sys.argv:
        if stale:
            print(f"stale: {', '.join(stale)}; run python docs/generate.py")
        return 1 if stale else 0
    for name, make in PAGES.items():
        (HERE / name).write_text(make())
    return 0


if __name__ == "__main__":
    sys.exit(main())
