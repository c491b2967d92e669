"""Writes the pages that are made from the code: `python docs/generate.py`; with --check it only names stale ones."""

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


PAGES = {"topics.md": topics, "configuration.md": configuration, "metrics.md": metrics}


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
