"""A trained model of items as an artifact, and its answers.

weights.safetensors   net.* the network in half precision, its two large tables in bytes with a scale.* for each row;
                      shop.* sales and usual price of each item; follows.next and follows.skip: how many pairs each item
                      begins, then `after` and `count` of each pair. Those of `back` are those of `next`, turned
items.json            items and descriptions in the order of the network
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.columns import ModelInfo
from models.errors import ArtifactError
from models.items.follows import Follows
from models.items.lines import Lines
from models.items.network import ItemNetwork, Sizes
from models.items.reader import Reader, Shop
from models.registry import Manifest, content_version, load, save, shipped

KIND = "items"
NAME = "next-item"
STORED = ("next", "skip")  # kinds of pairs, the first of models.items.follows.KINDS
IN_BYTES = ("words.weight", "residual.weight")
MOST = 255  # a count is kept in one byte: more says no more


class ItemPredictor:
    """A trained network with its shop."""

    def __init__(self, info: ModelInfo, network: ItemNetwork, shop: Shop) -> None:
        self.info, self.shop = info, shop
        self._network = network.eval()

    def with_items(self, items: Sequence[str], descriptions: Sequence[str]) -> ItemPredictor:
        """The same, able to read and offer more items, of which it knows the descriptions only."""
        return ItemPredictor(self.info, self._network, self.shop.extended(items, descriptions))

    def run(self, lines: Lines, top: int = 20) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """n purchases, each customer from the first -> after each (n, top) items and their calibrated chances.

        Items of the running invoice are not offered. Chances are of the very next purchase; what is left to 1 is the
        other items' and that of an item bought again.
        """
        n = len(lines.item)
        ids, confidence = np.zeros((n, top), np.int32), np.zeros((n, top), np.float32)
        temperature = float(self._network.get_buffer("temperature"))
        reader = Reader(lines, self.shop, self._network.sizes.slots)
        for which, logits in reader.pass_over(self._network):
            chances = torch.softmax(logits / temperature, dim=1)[:, :-1]
            best = chances.topk(top, dim=1)
            ids[which], confidence[which] = best.indices.numpy(), best.values.numpy()
        return ids, confidence


def save_items(
    path: Path, network: ItemNetwork, shop: Shop, *, metrics: dict[str, Any], training: dict[str, Any]
) -> Manifest:
    """Write a trained model; its version is derived from its weights."""
    tensors = _weights(network)
    tensors["shop.sales"], tensors["shop.usual_price"] = shop.sales, shop.usual_price
    for kind, table in zip(STORED, shop.follows[: len(STORED)], strict=True):
        tensors[f"follows.{kind}.before"] = np.diff(table.starts).astype(np.uint16)
        tensors[f"follows.{kind}.after"] = (table.keys % len(shop.items)).astype(np.uint16)
        tensors[f"follows.{kind}.count"] = np.minimum(table.counts, MOST).astype(np.uint8)
    manifest = Manifest(
        name=NAME,
        version=content_version(tensors, "1"),
        kind=KIND,
        inputs={"sizes": network.sizes.as_dict()},
        metrics=metrics,
        training=training,
    )
    return save(path, manifest, tensors, {"items": {"ids": shop.items, "descriptions": shop.descriptions}})


def load_items(path: Path | None = None) -> ItemPredictor:
    """The predictor of an artifact folder; None is the one shipped in the package.

    Errors: ArtifactError when a file is missing or altered, or its tables and weights do not fit together.
    """
    artifact = load(path or shipped(KIND), KIND)
    tensors, manifest = artifact.tensors, artifact.manifest
    try:
        network = ItemNetwork(Sizes(**manifest.inputs["sizes"]))
        network.load_state_dict(_state(tensors))
        items = tuple(artifact.tables["items"]["ids"])
        shop = Shop(
            items,
            tuple(artifact.tables["items"]["descriptions"]),
            tensors["shop.sales"],
            tensors["shop.usual_price"],
            _follows(tensors),
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"{artifact.path} lacks what a model of items needs: {error}; train it again with "
            "`shelfstream train behaviour --set gifts`"
        ) from error
    if not len(items) == len(shop.descriptions) == len(shop.sales) == network.sizes.items:
        raise ArtifactError(
            f"{artifact.path} names {len(items)} items, its weights know {network.sizes.items}; train it again with "
            "`shelfstream train behaviour --set gifts`"
        )
    return ItemPredictor(ModelInfo(manifest.name, manifest.version), network, shop)


def _weights(network: ItemNetwork) -> dict[str, np.ndarray]:
    tensors: dict[str, np.ndarray] = {}
    for name, value in network.state_dict().items():
        weights = value.detach().numpy()
        if name in IN_BYTES:
            scale = np.maximum(np.abs(weights).max(axis=1, keepdims=True) / 127, 1e-8)
            tensors[f"net.{name}"] = np.round(weights / scale).astype(np.int8)
            tensors[f"scale.{name}"] = scale.astype(np.float32)
        else:
            tensors[f"net.{name}"] = weights.astype(np.float16)
    return tensors


def _state(tensors: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    state = {}
    for key, value in tensors.items():
        if key.startswith("net."):
            name = key.removeprefix("net.")
            weights = value.astype(np.float32) * (tensors[f"scale.{name}"] if name in IN_BYTES else np.float32(1))
            state[name] = torch.from_numpy(weights)
    return state


def _follows(tensors: Mapping[str, np.ndarray]) -> tuple[Follows, ...]:
    """By kind, as KINDS has them."""
    found = []
    for kind in STORED:
        before, after, counts = (tensors[f"follows.{kind}.{part}"] for part in ("before", "after", "count"))
        keys = np.repeat(np.arange(len(before)), before) * len(before) + after
        found.append(Follows.of_keys(keys, counts, len(before)))
    return *found, found[0].turned()
