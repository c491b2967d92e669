"""The answers to one task as they were judged: what the plots of the model card are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from models.evaluate.metrics import Cases


@dataclass(frozen=True, slots=True)
class Judged:
    """Cases of one task of one set; `labels` names the codes, a code past its end is a label that was never true."""

    set: str
    task: str
    labels: tuple[str, ...]
    cases: Cases
