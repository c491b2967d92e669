"""A committee as stored: half a byte per weight of the n-gram tables, half precision for the layers.

Tensors of member k begin with `k.`:

    slots     (r,) int32              hash of each row's n-gram, rising
    table     (r, width / 2) uint8    two codes of LEVELS a byte, the even column in the low half
    scale     (r,) float16            weight = LEVELS[code] * scale of its row
    layer.*   float16                 every other parameter, by its name in the network

A row's weights are close to normal, for which LEVELS is the best set of sixteen (Max, "Quantizing for Minimum
Distortion", 1960): the table keeps 99 % of its energy. Every figure of an artifact is measured with these weights, read
back, never with those before rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import ArtifactError
from models.text.bags import Vocabulary
from models.text.committee import Member
from models.text.layout import Layout
from models.text.network import Size, TitleNetwork

Tensors = dict[str, NDArray[np.generic]]
_UPPER = np.array([0.1284, 0.3881, 0.6568, 0.9424, 1.256, 1.618, 2.069, 2.733], dtype=np.float32)
LEVELS = np.concatenate([-_UPPER[::-1], _UPPER])
_LAYER = "layer."
_EDGES = (LEVELS[1:] + LEVELS[:-1]) / 2
_TINY = 6e-8  # the smallest scale that float16 holds: a row of zeros stays harmless


def pack(members: Sequence[Member]) -> Tensors:
    """Round networks to their stored form. Their widths must be even."""
    tensors: Tensors = {}
    for place, each in enumerate(members):
        codes, scale = round_table(each.network.table.detach().cpu().numpy())
        own: Tensors = {
            "slots": each.vocabulary.slots.astype(np.int32),
            "table": codes[:, 0::2] | codes[:, 1::2] << 4,
            "scale": scale,
        }
        for name, parameter in each.network.state_dict().items():
            if name != "table":
                own[_LAYER + name] = parameter.cpu().numpy().astype(np.float16)
        tensors |= {f"{place}.{name}": values for name, values in own.items()}
    return tensors


def round_table(weights: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    """(r, width) weights -> (r, width) codes below 16 and (r,) scales."""
    scale = np.sqrt(np.mean(weights**2, axis=1))
    codes = np.empty(weights.shape, dtype=np.uint8)
    for _ in range(3):  # the scale that fits the codes best, then the codes that fit it: settled after two rounds
        codes = np.searchsorted(_EDGES, weights / np.maximum(scale, _TINY)[:, None]).astype(np.uint8)
        levels = LEVELS[codes]
        scale = (weights * levels).sum(axis=1) / (levels**2).sum(axis=1)
    return codes, np.maximum(scale, _TINY).astype(np.float16)


def expand_table(codes: NDArray[np.uint8], scale: NDArray[np.float16]) -> NDArray[np.float32]:
    """The inverse of `round_table`, up to the rounding."""
    return LEVELS[codes] * scale.astype(np.float32)[:, None]


def member(
    tensors: Mapping[str, NDArray[np.generic]], place: int, layout: Layout, size: Size, groups: int, vote: float
) -> Member:
    """The network of a member in float32, ready to answer, with its vocabulary.

    Errors: ArtifactError when a tensor is missing or its shape is not what the layout asks for.
    """
    prefix = f"{place}."
    own = {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}
    try:
        packed = own["table"].astype(np.uint8)
        codes = np.stack([packed & 15, packed >> 4], axis=2).reshape(len(packed), -1)
        layers = {
            name.removeprefix(_LAYER): torch.from_numpy(values.astype(np.float32))
            for name, values in own.items()
            if name.startswith(_LAYER)
        }
        network = TitleNetwork(0, size, layout)
        network.table = torch.nn.Parameter(torch.from_numpy(expand_table(codes, own["scale"].astype(np.float16))))
        network.load_state_dict({"table": network.table, **layers})
        vocabulary = Vocabulary(own["slots"].astype(np.int32), groups)
    except (KeyError, RuntimeError, IndexError) as error:
        raise ArtifactError(f"the weights do not fit the labels and sizes in the manifest: {error}") from error
    return Member(network.eval().requires_grad_(False), vocabulary, vote)
