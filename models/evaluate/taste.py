"""Measure the model of tastes: `shelfstream evaluate taste`.

Users of bucket 0 of two shops. After each purchase the values that a prediction would show (of an attribute the three
heaviest, of the price bands the heaviest) are held against the value of the user's next purchase that has one.

share         the value's share of the weight that the row holds of the name: what predictions said without the model
popularity    its share of the training users' purchases
mix           half of each

The last two ask for a log of the shop, which the model does without. "The first" is the value that is likeliest by
the same rule; share and model name the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.behaviour.predictor import LIKED_SHOWN
from models.behaviour.price_bands import NAME
from models.behaviour.taste_artifact import load_taste
from models.data.splits import TEST, TRAIN
from models.data.tastes import Choices, load_choices
from models.data.usual_prices import Doubles
from models.evaluate.figure import Measured, figure
from models.evaluate.households import Households
from models.train.taste_cases import Cases, cases, popularity, usual_prices

SHARE, POPULARITY, MIX = "share", "popularity", "mix"
Chances = Callable[[Doubles, Doubles], Doubles]  # TasteModel.chances
SURE = 1e-3  # no chance counts as less, or as more than 1 - this, in the log loss


@dataclass(frozen=True, slots=True)
class _Shown:
    """s values that are shown, and what each rule says of them; "" is the model."""

    given: dict[str, Doubles]  # (s,)
    came: NDArray[np.bool_]  # (s,)
    user: NDArray[np.int32]  # (s,)


def evaluate(
    data: Path, artifact: Path | None = None, *, baselines: bool = True, shops: Sequence[Choices] | None = None
) -> dict[str, Any]:
    """Figures of an artifact (None = the shipped one). `data`: the folder of the data sets; `shops`: by default both.

    `figures`: n, value, 95 % interval over users and the baselines' values. Errors: ArtifactError, DataError.
    """
    model = load_taste(artifact)
    figures: list[dict[str, Any]] = []
    shops = load_choices(data) if shops is None else shops
    users = 0
    for shop in shops:
        usual, tested = usual_prices(shop), shop.of_buckets(TEST)
        popular = popularity(shop.of_buckets(*TRAIN), usual)
        users += len(np.unique(tested.user))
        for task, shares in zip(cases(tested, usual), popular, strict=True):
            figures += _figures(shop.name, model.chances, task, shares, baselines)
    return {
        "artifact": {"name": model.info.name, "version": model.info.version},
        "users": users,
        "figures": figures,
        "baselines": [SHARE, POPULARITY, MIX] if baselines else [],
    }


def _figures(name: str, chances: Chances, asked: Cases, popular: Doubles, baselines: bool) -> list[dict[str, Any]]:
    rules = _rules(chances, asked, popular)
    shown = _shown(asked, rules, 1 if asked.name == NAME else LIKED_SHOWN)
    people, everybody = Households(shown.user), Households(asked.user)

    def row(metric: str, measured: dict[str, Measured]) -> dict[str, Any]:
        beside = {rule: each[1] for rule, each in measured.items() if rule and baselines}
        return figure(name, f"next {asked.name}", metric, measured[""], beside)

    given = shown.given.items()
    first = {rule: asked.chosen == of_all.argmax(axis=1) for rule, of_all in rules.items()}
    return [
        row("log loss", {rule: people.mean(_log_loss(chance, shown.came)) for rule, chance in given}),
        row("Brier score", {rule: people.mean((chance - shown.came) ** 2) for rule, chance in given}),
        row("ECE", {rule: people.calibration(chance, shown.came) for rule, chance in given}),
        row("accuracy of the first", {rule: everybody.mean(right) for rule, right in first.items()}),
    ]


def _rules(chances: Chances, asked: Cases, popular: Doubles) -> dict[str, Doubles]:
    """(m, values) what each rule says of every value of the name; of what the row does not hold the model says 0."""
    share = _by_value(asked, asked.weights / asked.weights.sum(axis=1, keepdims=True))
    popularity = np.tile(popular, (len(asked), 1))
    return {
        "": _by_value(asked, chances(asked.weights, asked.left)),
        SHARE: share,
        POPULARITY: popularity,
        MIX: (share + popularity) / 2,
    }


def _by_value(asked: Cases, of_places: Doubles) -> Doubles:
    """(m, p) numbers of the held values -> (m, values)."""
    found = np.zeros((len(asked), len(asked.values) + 1))  # the last: of empty places
    np.put_along_axis(found, asked.held.astype(np.int64) % (len(asked.values) + 1), of_places, axis=1)
    return found[:, :-1]


def _shown(asked: Cases, rules: dict[str, Doubles], most: int) -> _Shown:
    held = asked.held[:, :most].astype(np.int64)
    case, place = np.nonzero(held >= 0)
    value = held[case, place]
    given = {rule: of_all[case, value] for rule, of_all in rules.items()}
    return _Shown(given, asked.chosen[case] == value, asked.user[case])


def _log_loss(chance: Doubles, came: NDArray[np.bool_]) -> Doubles:
    sure = np.clip(chance, SURE, 1 - SURE)
    return np.asarray(-np.log(np.where(came, sure, 1 - sure)))
