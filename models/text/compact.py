"""The network as stored: a byte per weight of the n-gram table, half precision for the layers.

    slots     (r,) int32          hash of each row's n-gram, rising
    table     (r, width) int8     row i is table[i] * scale[i]
    scale     (r,) float16        largest absolute weight of the row / 127
    layer.*   float16             every other parameter, by its name in the network

Every figure of an artifact is measured with these weights, read back, never with those before rounding.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import ArtifactError
from models.text.layout import Layout
from models.text.network import Size, TitleNetwork

Tensors = dict[str, NDArray[np.generic]]
_LAYER = "layer."


def pack(network: TitleNetwork, slots: NDArray[np.int32]) -> Tensors:
    """Round a network to its stored form."""
    weights = network.table.detach().cpu().numpy().astype(np.float32)
    scale = np.maximum(np.abs(weights).max(axis=1) / 127, 6e-8).astype(np.float16)  # 6e-8: float16's smallest
    rounded = np.clip(np.rint(weights / scale.astype(np.float32)[:, None]), -127, 127)
    tensors: Tensors = {"slots": slots.astype(np.int32), "table": rounded.astype(np.int8), "scale": scale}
    for name, parameter in network.state_dict().items():
        if name != "table":
            tensors[_LAYER + name] = parameter.cpu().numpy().astype(np.float16)
    return tensors


def unpack(tensors: Mapping[str, NDArray[np.generic]], layout: Layout, size: Size) -> TitleNetwork:
    """Stored form -> network in float32, ready to answer.

    Errors: ArtifactError when a tensor is missing or its shape is not what the layout asks for.
    """
    try:
        table = tensors["table"].astype(np.float32) * tensors["scale"].astype(np.float32)[:, None]
        layers = {
            name.removeprefix(_LAYER): torch.from_numpy(values.astype(np.float32))
            for name, values in tensors.items()
            if name.startswith(_LAYER)
        }
        with torch.device("meta"):
            network = TitleNetwork(len(table), size, layout)
        network.load_state_dict({"table": torch.from_numpy(table), **layers}, assign=True)
    except (KeyError, RuntimeError) as error:
        raise ArtifactError(f"the weights do not fit the labels and sizes in the manifest: {error}") from error
    return network.eval().requires_grad_(False)
