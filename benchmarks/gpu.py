"""The models on another device beside the processor: `python -m benchmarks.gpu`, wherever there is a GPU.

Whole windows through the models' own doors, as the stream calls them, with what goes to the device and comes back.
Rates are events or titles a second; beside them, how far the answers are from the processor's: the worst difference of
a probability, and the share of first answers that are the same. On CUDA the encoder computes in half precision.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.columns import EventColumns, ProductBatch, ProductColumns
from models.data import grocery
from models.predict import BehaviourBatch, BehaviourPredictor, load_behaviour, load_products
from models.registry import shipped
from models.text.predictor import TOWER
from streams.demo.catalogue import electronics_sample

SECONDS = 5.0
WINDOWS = (1_024, 4_096, 16_384)  # events, of a quarter as many users
TITLES = 4_096


@dataclass(frozen=True)
class Row:
    """One job in windows of one size on both devices."""

    job: str
    window: int
    cpu_per_second: float
    device_per_second: float
    worst_difference: float
    same_first: float

    @property
    def times(self) -> float:
        """How many times faster the device is."""
        return self.device_per_second / self.cpu_per_second


def measure(
    device: str, seconds: float = SECONDS, windows: tuple[int, ...] = WINDOWS, titles: int = TITLES
) -> list[Row]:
    """Both devices in turn, job by job."""
    return [*_behaviour(device, seconds, windows), *_products(device, seconds, titles)]


def _behaviour(device: str, seconds: float, windows: tuple[int, ...]) -> list[Row]:
    there, here = load_behaviour(None, device), load_behaviour(None, "cpu")
    rows = []
    for window in windows:
        slots, events = _events(here, window)
        blank = here.blank(window // 4)

        def ask(model: BehaviourPredictor) -> BehaviourBatch:
            return model.run(blank, slots, events)  # noqa: B023  # called before the next window is made

        mine, other = ask(here), ask(there)
        rows.append(
            Row(
                "user events",
                window,
                window * _rate(lambda: ask(here), seconds),
                window * _rate(lambda: ask(there), seconds),
                float(np.abs(mine.category_confidence - other.category_confidence).max()),
                float((mine.category_ids[:, 0] == other.category_ids[:, 0]).mean()),
            )
        )
    return rows


def _products(device: str, seconds: float, count: int) -> list[Row]:
    tower = shipped(TOWER)
    there, here = load_products(None, device, tower=tower), load_products(None, "cpu", tower=tower)
    products = ProductColumns(_titles(count))
    jobs: list[tuple[str, Callable[[], ProductBatch], Callable[[], ProductBatch]]] = [
        ("titles, n-grams", lambda: here.run(products), lambda: there.run(products)),
        ("titles, encoder", lambda: here.refine(products), lambda: there.refine(products)),
    ]
    rows = []
    for job, ask_here, ask_there in jobs:
        mine, other = ask_here(), ask_there()
        rate, there_rate = count * _rate(ask_here, seconds), count * _rate(ask_there, seconds)
        worst = float(np.abs(mine.category_confidence - other.category_confidence).max())
        same = float((mine.category_ids[:, 0] == other.category_ids[:, 0]).mean())
        rows.append(Row(job, count, rate, there_rate, worst, same))
    return rows


def _rate(ask: Callable[[], Any], seconds: float) -> float:
    """Windows a second; each ends with its answers in the processor's memory."""
    began, done = time.perf_counter(), 0
    while done == 0 or time.perf_counter() - began < seconds:
        ask()
        done += 1
    return done / (time.perf_counter() - began)


def _events(model: BehaviourPredictor, count: int) -> tuple[NDArray[np.int64], EventColumns]:
    random = np.random.default_rng(3)
    slots = np.sort(random.integers(0, count // 4, count))
    return slots, EventColumns(
        types=np.full(count, 3, np.uint8),
        categories=random.integers(0, len(model.categories), count).astype(np.int32),
        products=np.full(count, -1, np.int32),
        attributes=np.zeros((count, 1), np.uint32),
        sessions=random.integers(1, 9, count).astype(np.uint64),
        times_ms=1_700_000_000_000 + 60_000 * np.arange(count, dtype=np.int64),
    )


def _titles(count: int) -> list[str]:
    known = [product.title for product in electronics_sample(test_is_unseen=True)]
    known += grocery.products()["title"].head(count).tolist()
    return [known[i % len(known)] for i in range(count)]


def table(rows: list[Row], device: str) -> str:
    """Markdown."""
    lines = [f"| job | window | cpu, /s | {device}, /s | times | worst difference | same first answer |"]
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    lines += [
        f"| {row.job} | {row.window:,} | {row.cpu_per_second:,.0f} | {row.device_per_second:,.0f} | "
        f"{row.times:.1f} × | {row.worst_difference:.1e} | {row.same_first:.2%} |"
        for row in rows
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the table, or with --json the rows; exit status 2 where the device is not to be had."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda", help="what is measured beside the processor")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each job and device")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    given = parser.parse_args(arguments)
    kind = torch.device(given.device).type
    if kind == "cuda" and not torch.cuda.is_available():
        print("torch sees no CUDA device here; run this where there is one", file=sys.stderr)
        return 2
    rows = measure(given.device, given.seconds)
    name = torch.cuda.get_device_name(given.device) if kind == "cuda" else given.device
    if given.json:
        print(json.dumps({"device": name, "torch": torch.__version__, "rows": [asdict(row) for row in rows]}))
    else:
        print(f"{name}, torch {torch.__version__}\n\n{table(rows, given.device)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
