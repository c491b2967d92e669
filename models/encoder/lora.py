"""Low-rank adapters (Hu et al. 2021, https://arxiv.org/abs/2106.09685): fine-tuning that ships as a few hundred KB.

W stays as the package has it; W + (alpha / rank) B A is what is used, and only A and B are trained and kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.encoder.bert import Bert
from models.errors import ArtifactError

PLACES = ("qkv", "out", "wide", "narrow")


class LoraLinear(nn.Module):
    """A linear layer with an adapter beside it; at first it answers as the layer alone does."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.empty(rank, base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))
        self.scale = alpha / rank
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, given: Tensor) -> Tensor:
        """Shapes: (..., in) -> (..., out)."""
        beside = nn.functional.linear(nn.functional.linear(given, self.down), self.up)
        answer: Tensor = self.base(given) + beside * self.scale
        return answer


def add_lora(bert: Bert, rank: int, alpha: float, layers: int | None = None) -> Bert:
    """Freeze the encoder and put adapters beside every linear layer of its last `layers` (None: of all). In place."""
    bert.requires_grad_(False)
    first = 0 if layers is None else max(0, len(bert.layers) - layers)
    for layer in list(bert.layers)[first:]:
        for place in PLACES:
            setattr(layer, place, LoraLinear(getattr(layer, place), rank, alpha))
    return bert


def lora_state(bert: Bert) -> dict[str, Tensor]:
    """What the adapters have learnt, by name; float16."""
    return {
        name: tensor.detach().to(torch.float16).contiguous()
        for name, tensor in bert.state_dict().items()
        if name.endswith((".down", ".up"))
    }


def merge_lora(bert: Bert, state: Mapping[str, Tensor], alpha: float) -> Bert:
    """Add what `lora_state` gave to the encoder's own layers. In place. Errors: ArtifactError if it is of another."""
    for number, layer in enumerate(bert.layers):
        for place in PLACES:
            down, up = (state.get(f"layers.{number}.{place}.{side}") for side in ("down", "up"))
            if down is None or up is None:
                continue
            linear = getattr(layer, place)
            if up.shape[0] != linear.out_features or down.shape[1] != linear.in_features:
                raise ArtifactError(
                    f"the adapter of layer {number} ({place}) is {tuple(up.shape)} x {tuple(down.shape)}, "
                    f"the encoder's layer is {linear.out_features} x {linear.in_features}: it is of another encoder"
                )
            with torch.no_grad():
                linear.weight += alpha / len(down) * up.float() @ down.float()
    return bert
