"""A trained behaviour model as an artifact: network, category names and shelf, there and back.

weights.safetensors   net.* the network (weights in float16; usual prices and their spread, where it reads prices),
                      shelf.* products, how they sell, and trust and keep
products.json         product ids in the order of shelf.category
manifest.json         inputs.sizes the network's Sizes, labels.categories
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.behaviour.network import BehaviourNetwork, Sizes
from models.behaviour.predictor import BehaviourPredictor
from models.behaviour.risk_artifact import load_risk
from models.behaviour.shelf import Shelf
from models.behaviour.taste_artifact import choose_taste
from models.behaviour.tokens import BEFORE_PRICES, NUMERIC
from models.behaviour.visit_artifact import choose_visit
from models.columns import ModelInfo
from models.errors import ArtifactError
from models.registry import Manifest, content_version, load, save, shipped
from models.session.predictor import choose_session

KIND = "behaviour"
NAME = "behaviour-lstm"
SHELF = ("category", "share", "place", "best", "best_share")


def save_behaviour(
    path: Path,
    network: BehaviourNetwork,
    categories: tuple[str, ...],
    products: tuple[str, ...],
    shelf: Shelf,
    *,
    metrics: dict[str, Any],
    training: dict[str, Any],
) -> Manifest:
    """Write a trained model; its version is derived from its weights."""
    tensors = {f"net.{name}": value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    for name, _ in network.named_parameters():
        tensors[f"net.{name}"] = tensors[f"net.{name}"].astype(np.float16)
    tensors["net.sold"] = tensors["net.sold"].astype(np.uint16)
    for name in SHELF:
        tensors[f"shelf.{name}"] = getattr(shelf, name)
    tensors["shelf.settings"] = np.array([shelf.trust, shelf.keep], np.float64)
    manifest = Manifest(
        name=NAME,
        version=content_version(tensors, "1"),
        kind=KIND,
        inputs={"sizes": network.sizes.as_dict()},
        labels={"categories": list(categories)},
        metrics=metrics,
        training=training,
    )
    return save(path, manifest, tensors, {"products": list(products)})


def load_behaviour(
    path: Path | None = None,
    device: str = "cpu",
    risk: Path | None = None,
    session: Path | None = None,
    visit: Path | None = None,
    taste: Path | None = None,
) -> BehaviourPredictor:
    """The predictor of an artifact folder; None is the one shipped in the package. `risk`: folder of its risk model.

    `session`: what `choose_session` knows; None is none. `visit`, `taste`: what `choose_visit` and `choose_taste` know;
    None is the shipped one.

    Errors: ArtifactError when a file is missing or altered, or its tables and weights do not fit together.
    """
    artifact = load(path or shipped(KIND), KIND)
    manifest = artifact.manifest
    try:
        sizes = Sizes(**{"numeric": BEFORE_PRICES} | manifest.inputs["sizes"])
        if sizes.numeric not in (BEFORE_PRICES, NUMERIC):
            raise ArtifactError(
                f"{artifact.path} reads {sizes.numeric} numbers of an event, this code makes {NUMERIC} (or the first "
                f"{BEFORE_PRICES}); train it again with `shelfstream train behaviour`"
            )
        network = BehaviourNetwork(sizes)
        network.load_state_dict(
            {n.removeprefix("net."): torch.from_numpy(t) for n, t in artifact.tensors.items() if n.startswith("net.")}
        )
        shelf = Shelf(
            **{name: artifact.tensors[f"shelf.{name}"] for name in SHELF},
            trust=float(artifact.tensors["shelf.settings"][0]),
            keep=float(artifact.tensors["shelf.settings"][1]),
        )
        categories, products = tuple(manifest.labels["categories"]), tuple(artifact.tables["products"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise ArtifactError(
            f"{artifact.path} holds {manifest.name} {manifest.version}, whose weights do not fit this code: {error}; "
            "train it again with `shelfstream train behaviour`"
        ) from error
    if len(categories) != network.sizes.categories or len(products) != len(shelf.category):
        raise ArtifactError(
            f"{artifact.path} names {len(categories)} categories and {len(products)} products, its weights know "
            f"{network.sizes.categories} and {len(shelf.category)}; train it again with `shelfstream train behaviour`"
        )
    info = ModelInfo(manifest.name, manifest.version)
    beside = load_risk(risk), choose_session(session), choose_visit(visit), choose_taste(taste)
    return BehaviourPredictor(info, categories, products, network, shelf, device, *beside)
