"""Mixed precision: half-size numbers in the forward pass, with the loss scaled so that small gradients survive.

Source: Micikevicius et al. 2018, "Mixed precision training" (arXiv:1710.03740).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal, get_args

import torch

PrecisionName = Literal["auto", "float32", "bf16", "fp16"]
PRECISIONS: tuple[PrecisionName, ...] = get_args(PrecisionName)
_TYPES = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """Autocast and the loss scaler for one device. `auto` is fp16 on CUDA and float32 elsewhere."""

    def __init__(self, name: PrecisionName, device: torch.device) -> None:
        chosen = ("fp16" if device.type == "cuda" else "float32") if name == "auto" else name
        self.dtype = _TYPES[chosen]
        self._device = device.type
        # bf16 has the exponent of float32: nothing is lost that a scale would save.
        self.scaler = torch.amp.GradScaler(self._device, enabled=chosen == "fp16")

    def autocast(self) -> AbstractContextManager[object]:
        """Around the forward pass; does nothing in float32."""
        return torch.autocast(self._device, dtype=self.dtype, enabled=self.dtype is not torch.float32)
