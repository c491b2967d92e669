"""Weights of a behaviour network from and for an artifact: going on with trained ones, and keeping them small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.behaviour import BehaviourNetwork
from models.behaviour.artifact import KIND
from models.behaviour.network import Recurrent
from models.behaviour.tokens import BEFORE_PRICES
from models.data.journey import Purchases
from models.data.usual_prices import spreads, usual_logs
from models.errors import ArtifactError
from models.registry import load

FITTED = ("sold", "usual_price", "price_spread")  # to the data, not by gradients: those of the new network stay
NEUTRAL = ("widen.weight", "lstm.short.weight", "lstm.short.bias")  # with zeros here their parts add nothing


def go_on(network: BehaviourNetwork, begin: Path) -> str:
    """Bring an artifact's weights into the network; returns its name and version.

    What the artifact does not have begins where it changes no answer: NEUTRAL, and further inputs of a layer, with
    zeros. Products keep their vectors only where both know the same ones. Errors: ArtifactError when the folder is no
    behaviour model, or its layers are of other sizes.
    """
    artifact = load(begin, KIND)
    ours = network.state_dict()
    theirs = {name.removeprefix("net."): torch.from_numpy(t) for name, t in artifact.tensors.items()}
    same_products = "sold" in theirs and torch.equal(theirs["sold"].long(), ours["sold"])
    weights = {}
    for name, own in ours.items():
        found = theirs.get(name)
        if name in FITTED or (name == "residual.weight" and not same_products):
            continue
        if found is None or (name == "widen.weight" and not same_products):
            weights[name] = torch.zeros_like(own) if name in NEUTRAL else own
        elif own.dim() == found.dim() == 2 and len(own) == len(found) and own.shape[1] > found.shape[1]:
            weights[name] = torch.zeros_like(own)
            weights[name][:, : found.shape[1]] = found
        elif own.shape == found.shape:
            weights[name] = found.to(own.dtype)
        else:
            raise ArtifactError(
                f"{artifact.path}: {name} is {tuple(found.shape)}, this network wants {tuple(own.shape)}; "
                "train without --begin"
            )
    network.load_state_dict(weights, strict=False)
    return f"{artifact.manifest.name} {artifact.manifest.version}"


def fit_prices(network: Recurrent, purchases: Purchases) -> None:
    """What a piece usually costs in each category, and how far prices are from that, into the network."""
    if network.sizes.numeric == BEFORE_PRICES or purchases.price is None or not (purchases.price > 0).any():
        return  # of prices that nobody tells nothing is read
    usual = usual_logs(purchases.category, purchases.price, network.sizes.categories)
    spread = spreads(purchases.category, purchases.price, usual)
    network.get_buffer("usual_price").copy_(torch.from_numpy(usual[:-1]))
    network.get_buffer("price_spread").copy_(torch.from_numpy(spread))


def start_from_popularity(network: BehaviourNetwork, counts: NDArray[np.float64] | NDArray[np.int64]) -> None:
    """(categories,) purchases -> the bias that answers with their shares: the first epoch need not learn it."""
    share = counts + 1.0
    with torch.no_grad():
        network.out.bias[:-1] = torch.from_numpy(np.log(share / share.sum())).float()


def round_weights(network: BehaviourNetwork) -> None:
    """Round to what the artifact stores (float16), so that it is calibrated and measured as it is shipped."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(weight.half().float())
