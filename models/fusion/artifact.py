"""The fused model as stored: tensors in half precision, known words by their hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from models.errors import ArtifactError
from models.fusion.calibration import KINDS
from models.fusion.network import FusionNetwork, Size
from models.fusion.words import GROUPS, Words
from models.registry import Artifact
from models.text.bags import Vocabulary

KIND = "marketplace"
_SLOTS, _RARITY, _NETWORK = "words.slots", "words.rarity", "network."


@dataclass(frozen=True, slots=True)
class FusedModel:
    """What an artifact holds."""

    network: FusionNetwork
    words: Words
    first: tuple[str, ...]  # labels of the first level
    second: tuple[str, ...]  # of the first two levels; network.parents says which first each is under
    temperatures: Mapping[str, tuple[float, float]]  # by kind: see models.fusion.calibration


def pack(network: FusionNetwork, words: Words) -> dict[str, np.ndarray]:
    """Tensors of an artifact: float16 but for the counts of the batch normalisation and the hashes."""
    state = {f"{_NETWORK}{name}": values.cpu().numpy() for name, values in network.state_dict().items()}
    half = {name: v.astype(np.float16) if v.dtype == np.float32 else v for name, v in state.items()}
    return {**half, _SLOTS: words.vocabulary.slots, _RARITY: words.rarity.astype(np.float16)}


def unpack(tensors: Mapping[str, np.ndarray], size: Size, parents: list[int]) -> tuple[FusionNetwork, Words]:
    """The network, in evaluation mode, and the words. Errors: KeyError, RuntimeError when they do not fit `size`."""
    network = FusionNetwork(size, parents)
    stored = {name.removeprefix(_NETWORK): v for name, v in tensors.items() if name.startswith(_NETWORK)}
    network.load_state_dict({name: torch.from_numpy(_single(v)) for name, v in stored.items()})
    words = Words(Vocabulary(tensors[_SLOTS], GROUPS), tensors[_RARITY].astype(np.float32))
    return network.eval().requires_grad_(False), words


def read(artifact: Artifact) -> FusedModel:
    """Errors: ArtifactError when the artifact lacks what a fused model needs."""
    given, labels = artifact.manifest.inputs, artifact.manifest.labels
    try:
        network, words = unpack(artifact.tensors, Size(**given["size"]), list(given["parents"]))
        temperatures = {kind: (float(a), float(b)) for kind in KINDS for a, b in [given["temperatures"][kind]]}
        return FusedModel(network, words, tuple(labels["first"]), tuple(labels["second"]), temperatures)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(f"{artifact.path} lacks what a fused model needs: {error!r}; retrain it") from error


def _single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) if values.dtype == np.float16 else values
