"""The product models that `shelfstream train products --preset NAME` can make.

A preset is a module with these doors; only the first must be there:

    train(data, output, options) -> dict            fit, store and measure an artifact
    cross_validate(data, count, options) -> dict    figures of `count` folds, nothing stored
    search(data, trials, options) -> dict           go on with the study `options.study`
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from models.errors import TrainingError

PRESETS = {
    "fast": "models.train.products",
    "encoder": "models.train.encoder_products",
    "hybrid": "models.train.marketplace",
}


def door(preset: str, name: str) -> Callable[..., dict[str, Any]]:
    """A preset's function of that name. Errors: TrainingError when there is no such preset, or it lacks it."""
    if preset not in PRESETS:
        raise TrainingError(f"there is no preset {preset}; choose one of {', '.join(PRESETS)}")
    found: Callable[..., dict[str, Any]] | None = getattr(importlib.import_module(PRESETS[preset]), name, None)
    if found is None:
        raise TrainingError(f"the preset {preset} has no {name.replace('_', '-')}; leave that option out")
    return found
