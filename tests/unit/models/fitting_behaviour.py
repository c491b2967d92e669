"""Behaviour learnt in a process of its own: `python -m tests.unit.models.fitting_behaviour FOLDER gifts [--resume]`.

Under torchrun its processes share the lanes. Prints the errors of the epochs and the SHA-256 of the weights.
"""

import argparse
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from torch import nn

from models.behaviour import BehaviourNetwork
from models.data.splits import TRAIN, VALIDATION
from models.items.network import ItemNetwork
from models.items.network import Sizes as ItemSizes
from models.train import behaviour_fit, items_fit
from models.train.items import shop_of
from models.train.options import RunPlace
from models.train.seeds import one_thread, seeded
from models.train.team import Team, joined
from tests.unit.models.behaviour_shop import SMALL, shop
from tests.unit.models.shops import sales

SETS = ("grocery", "gifts")
EPOCHS = 3
SLOTS = 64
SHORT = (mock.patch("models.train.behaviour_fit.PIECE", 9), mock.patch("models.items.reader.PIECE", 4))


def train(folder: Path, which: str, *, noise: float, resume: bool = False) -> dict[str, Any]:
    """Errors of the epochs and SHA-256 of the weights; nothing from a process that is not the first of its team.

    Pieces are short, so that most begin with what the one before left.
    """
    place = RunPlace(folder / "checkpoints", resume, folder / "logs", every_s=0.0)
    with SHORT[0], SHORT[1], one_thread(), joined() as team:
        folder.mkdir(exist_ok=True)
        network, errors = (_grocery if which == "grocery" else _gifts)(place, team, noise)
    return {"errors": errors, "sha256": digest(network)} if team.first else {}


def digest(network: nn.Module) -> str:
    """SHA-256 of the weights."""
    found = hashlib.sha256()
    for name, values in sorted(network.state_dict().items()):
        found.update(name.encode() + values.numpy().tobytes())
    return found.hexdigest()


def _grocery(place: RunPlace, team: Team, noise: float) -> tuple[nn.Module, list[float]]:
    random = seeded(3)
    whole = replace(shop(households=130, baskets=20), price=None, quantity=None)  # some prices are hidden at random
    whole = whole.take(np.random.default_rng(5).random(len(whole)) < 0.8)  # or all lanes would begin and end together
    sizes = SMALL(12)
    fitted, held = (
        behaviour_fit.Pieces(whole.of_buckets(*buckets), int(whole.times_ms.max()), sizes)
        for buckets in (TRAIN, (VALIDATION,))
    )
    network = BehaviourNetwork(sizes)
    recipe = behaviour_fit.Recipe(epochs=EPOCHS, dropout=noise)
    errors = behaviour_fit.fit(*(network, fitted, held, recipe, random), seed=3, place=place, team=team, progress=False)
    return network, errors


def _gifts(place: RunPlace, team: Team, noise: float) -> tuple[nn.Module, list[float]]:
    random = seeded(3)
    whole = sales(800)
    taught, held = whole.of_buckets(*TRAIN), whole.of_buckets(VALIDATION)
    items = shop_of(taught)
    network = ItemNetwork(ItemSizes(len(items.items), SLOTS, embedding=8, hidden=8, deep=8, mixer=4))
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = noise
    parts = items_fit.Following(taught, items, SLOTS, own=True), items_fit.Following(held, items, SLOTS)
    errors = items_fit.fit(
        *(network, *parts, items_fit.Recipe(epochs=EPOCHS), random), seed=3, place=place, team=team, progress=False
    )
    return network, errors


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("which", choices=SETS)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args()
    if told := train(given.folder, given.which, noise=given.noise, resume=given.resume):
        print(json.dumps(told))
