"""Dynamic int8: weights of linear layers in one byte each, inputs rounded as they come.

Source: Jacob et al. 2018 (arXiv:1712.05877); done by torch's own kernels, on the processor only.
"""

from __future__ import annotations

import io
import warnings
from typing import TypeVar

import torch
from torch import nn
from torch.ao.quantization import quantize_dynamic

M = TypeVar("M", bound=nn.Module)


def dynamic_int8(network: M) -> M:
    """A copy whose linear layers are int8; everything else, embeddings too, stays as it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a later home for these kernels, and of reductions on old processors
        smaller: M = quantize_dynamic(network, {nn.Linear}, dtype=torch.qint8)  # type: ignore[no-untyped-call]
    return smaller


def stored_bytes(network: nn.Module) -> int:
    """Bytes of the network's state as torch writes it."""
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    return file.getbuffer().nbytes
