"""The table of a run: one line for each fault, as text, Markdown and JSON."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.faults.ledger import Findings

COLUMNS = ("fault", "delivery", "times", "events", "lost", "repeated", "doubled", "state wrong", "seconds to recover")


@dataclass(frozen=True)
class Line:
    """What one fault did. `recovered_s`: for each time, from its end or the restart to the slowest partition's next."""

    fault: str
    delivery: str
    times: int
    findings: Findings
    recovered_s: list[float] = field(default_factory=list)

    @property
    def doubled(self) -> int:
        """Answers that must not be there twice: any, where each is promised once; else those that say another thing."""
        return self.findings.repeats if self.delivery == "exactly-once" else self.findings.unlike

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.findings.lost or self.doubled or self.findings.unlike or self.findings.wrong)

    def cells(self) -> tuple[str, ...]:
        """As shown, in the order of COLUMNS."""
        found = self.findings
        took = f"{median(self.recovered_s):.1f} (at most {max(self.recovered_s):.1f})" if self.recovered_s else ""
        counts = (self.times, found.events, found.lost, found.repeats, self.doubled, found.wrong)
        return self.fault, self.delivery, *(f"{count:,}" for count in counts), took


def as_text(lines: Sequence[Line]) -> list[str]:
    """Columns of equal width."""
    rows = [COLUMNS, *(line.cells() for line in lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def as_markdown(lines: Sequence[Line], seed: int) -> str:
    """The table for docs/reliability.md."""
    rows = [COLUMNS, ["---"] * 2 + ["---:"] * 6 + ["---"], *(line.cells() for line in lines)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{_when(seed)}\n\n{table}\n"


def write(folder: Path, lines: Sequence[Line], seed: int) -> None:
    """faults.json and faults.md in that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {
        "run": _when(seed),
        "faults": [asdict(line) | {"doubled": line.doubled, "good": line.good} for line in lines],
    }
    (folder / "faults.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (folder / "faults.md").write_text(as_markdown(lines, seed), encoding="utf-8")


def _when(seed: int) -> str:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return (
        f"Measured {now}, seed {seed}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        "brokers, load and workers share the machine."
    )
