"""What the commands that measure methods against each other print and keep."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec


def tell(result: dict[str, Any], table: str, *, output: Path | None, as_json: bool) -> None:
    """Print the table, or the result as one JSON object; with `output` write both beside one another."""
    raw = msgspec.json.format(msgspec.json.encode(result)).decode()
    if output:
        output.with_suffix(".json").write_text(raw + "\n")
        output.with_suffix(".md").write_text(table + "\n")
    sys.stdout.write((raw if as_json else table) + "\n")
