"""A check of the image path on a public benchmark: `python -m models.train.fashion_mnist [FOLDER]`.

The small network is to reach 93 % on the publisher's test pictures. A tenth of the training pictures is held out to
watch by; nothing is chosen by the test pictures.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from models.data.fashion_mnist import CLASSES, FOLDER, load
from models.image.small_cnn import SmallCnn
from models.train.augment import augmented

HELD_OUT = 6_000
BATCH = 128
RATE = 4e-3
MEAN, STD = 72.9, 90.0  # of the training pixels, 0-255


def run(
    folder: Path = FOLDER, *, epochs: int = 20, seed: int = 7, most: int | None = None, progress: bool = True
) -> dict[str, Any]:
    """Fit and measure: share of right answers on the held-out and on the test pictures.

    `most`: only so many training pictures. Errors: DataError when the data set is missing.
    """
    taught, asked = load(folder)
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(taught.pixels), generator=random)
    held, rows = order[:HELD_OUT], order[HELD_OUT:][:most]
    pixels, classes = _scaled(taught.pixels), torch.from_numpy(taught.classes.astype("int64"))
    network = SmallCnn(1, CLASSES).to(memory_format=torch.channels_last)  # a quarter less time of the processor
    steps = math.ceil(len(rows) / BATCH) * epochs
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.02, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    watched: list[float] = []
    started = time.process_time()
    bar = tqdm(range(epochs), desc="epochs", disable=not progress)
    for _ in bar:
        network.train()
        for batch in rows[torch.randperm(len(rows), generator=random)].split(BATCH):  # type: ignore[no-untyped-call]
            shown = augmented(pixels[batch], random).contiguous(memory_format=torch.channels_last)
            loss = functional.cross_entropy(network(shown), classes[batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        watched.append(_right(network, pixels[held], classes[held]))
        bar.set_postfix(held_out=f"{watched[-1]:.4f}")
    test = _right(network, _scaled(asked.pixels), torch.from_numpy(asked.classes.astype("int64")))
    seconds = round(time.process_time() - started)
    return {"test accuracy": test, "n": len(asked.pixels), "held-out accuracy": watched, "processor seconds": seconds}


def _scaled(pixels: Any) -> Tensor:
    return (torch.from_numpy(pixels.astype("float32"))[:, None] - MEAN) / STD


def _right(network: SmallCnn, pixels: Tensor, classes: Tensor) -> float:
    """Share of right answers, each the mean for the picture and its mirror image: it was taught both."""
    network.eval()
    parts = pixels.split(512)  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        both = [network(part).softmax(dim=1) + network(part.flip(3)).softmax(dim=1) for part in parts]
    best = torch.cat(both).argmax(dim=1)
    return round(float((best == classes).float().mean()), 4)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--epochs", type=int, default=20)
    given = parser.parse_args()
    print(json.dumps(run(given.folder, epochs=given.epochs)))
