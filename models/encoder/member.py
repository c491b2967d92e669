"""The encoder tower as a member of a committee, and as it is stored: adapters and heads, without the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.encoder.lora import lora_state, merge_lora
from models.encoder.network import EncoderNetwork
from models.encoder.stored import restored, rounded
from models.encoder.text import TextEncoder, load_encoder
from models.errors import ArtifactError
from models.registry import Artifact
from models.text.layout import Layout
from models.text.ngrams import Ngrams

_ADAPTER, _LAYER = "adapter.", "layer."


@dataclass(frozen=True, slots=True)
class EncoderMember:
    """The tower with the adapters merged into its encoder."""

    network: EncoderNetwork
    encoder: TextEncoder
    vote: float = 0.0  # its share where a head has none of its own

    def pool(self, texts: Sequence[str], features: Ngrams, device: torch.device) -> Tensor:
        """See `models.text.committee.Voter.pool`; the n-grams are of no use to it. On CUDA in half precision."""
        pooled = torch.zeros(len(texts), 2 * self.encoder.width, device=device)
        with torch.autocast(device.type, torch.float16, enabled=device.type == "cuda"):
            for rows, ids, mask in self.encoder.batches(texts):
                found = self.network.pool(ids.to(device), mask.to(device)).float()
                pooled[torch.from_numpy(rows).to(device)] = found
        return pooled


def pack(network: EncoderNetwork) -> dict[str, np.ndarray]:
    """What was fitted, as stored: the encoder itself is in its package."""
    fitted = {_ADAPTER + name: tensor for name, tensor in lora_state(network.bert).items()}
    fitted |= {_LAYER + name: tensor for name, tensor in network.state_dict().items() if not name.startswith("bert.")}
    return rounded({name: tensor.float().cpu().numpy() for name, tensor in fitted.items()})


def encoder_member(artifact: Artifact, layout: Layout, device: str = "cpu") -> EncoderMember:
    """The member that an artifact holds. Errors: ArtifactError if it does not fit, or the package is missing."""
    inputs = artifact.manifest.inputs
    try:
        own = {name: torch.from_numpy(values) for name, values in restored(artifact.tensors).items()}
        encoder = load_encoder(inputs["encoder"], device)
        adapters = {name.removeprefix(_ADAPTER): values for name, values in own.items() if name.startswith(_ADAPTER)}
        merge_lora(encoder.bert, adapters, float(inputs["alpha"]))
        network = EncoderNetwork(encoder.bert, int(inputs["hidden"]), layout)
        layers = {name.removeprefix(_LAYER): values for name, values in own.items() if name.startswith(_LAYER)}
        missing, unexpected = network.load_state_dict(layers, strict=False)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(f"{artifact.path} does not fit the labels it is to answer with: {error}") from error
    lacking = [name for name in missing if not name.startswith("bert.")]
    if lacking or unexpected:
        raise ArtifactError(f"{artifact.path} lacks {lacking} and has {unexpected} besides; retrain it")
    return EncoderMember(network.eval().requires_grad_(False), encoder)
