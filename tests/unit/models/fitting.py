"""A real training in a process of its own: `python -m tests.unit.models.fitting FOLDER --batch 8 [--resume]`.

Under torchrun its processes share each batch. Prints the errors of the epochs and the SHA-256 of the weights.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from models.data.splits import TRAIN, VALIDATION
from models.data.titles import LabelledTitles, labelled
from models.text.network import Size
from models.train.options import RunPlace
from models.train.seeds import one_thread
from models.train.team import joined
from models.train.title_examples import examples
from models.train.title_fit import Fitted, Recipe, fit
from models.train.title_layout import layout_of

COLOURS = ("Red", "Blue", "Green", "NA")
KINDS = ("shirt", "jeans", "watch", "sandal", "scarf")


def catalogue(count: int, seed: int = 1) -> LabelledTitles:
    """Invented titles that say their kind, and their colour nine times in ten."""
    random = np.random.default_rng(seed)
    kinds, colours, said = (random.choice(values, count) for values in (KINDS, COLOURS, range(10)))
    titles = [
        f"Acme {c if s else 'fine'} {k} {i}" for i, (c, k, s) in enumerate(zip(colours, kinds, said, strict=True))
    ]
    same = {name: ["all"] * count for name in ("masterCategory", "subCategory", "gender", "season", "usage")}
    labels = same | {"articleType": [str(k) for k in kinds], "baseColour": [str(c) for c in colours]}
    return labelled("fashion", titles, [title.lower() for title in titles], labels, "articleType")


def digest(fitted: Fitted) -> str:
    """SHA-256 of the weights."""
    found = hashlib.sha256()
    for name, values in sorted(fitted.member.network.state_dict().items()):
        found.update(name.encode() + values.numpy().tobytes())
    return found.hexdigest()


def train(folder: Path, *, batch: int, noise: float, resume: bool = False) -> dict[str, Any]:
    """Errors of the epochs and SHA-256 of the weights; nothing from a process that is not the first of its team."""
    part = catalogue(600)
    taught = part.where(TRAIN)
    layout = layout_of([taught])
    recipe = Recipe(
        size=Size(width=8, hidden=8),
        groups=2,
        epochs=3,
        batch=batch,
        table_rate=0.03,
        dropout=noise,
        thinning=noise,
        emptied=0.0,
        at_least=2,
    )
    place = RunPlace(folder / "checkpoints", resume, folder / "logs", every_s=0.0)
    with one_thread(), joined() as team:
        folder.mkdir(exist_ok=True)
        with team.turn():  # each writes down who was there before it
            found = sorted(file.name for file in folder.glob("turn-*"))
            (folder / f"turn-{team.rank}").write_text(json.dumps(found))
        held = examples([part.where([VALIDATION])], layout)
        fitted = fit(examples([taught], layout), held, layout, recipe, seed=3, place=place, team=team, progress=False)
    return {"errors": fitted.errors, "sha256": digest(fitted)} if team.first else {}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args()
    if told := train(given.folder, batch=given.batch, noise=given.noise, resume=given.resume):
        print(json.dumps(told))
