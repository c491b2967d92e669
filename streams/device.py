"""Which device the models run on."""

from typing import Literal

import torch

from streams.errors import ConfigError


def choose_device(wanted: Literal["auto", "cpu", "cuda"], threads: int) -> str:
    """ "cuda" or "cpu"; auto takes CUDA where there is one. Sets torch's CPU threads.

    Errors: ConfigError if CUDA is demanded and there is none.
    """
    torch.set_num_threads(threads)
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device = 'cuda', but torch sees no CUDA device here; set device to 'auto' or 'cpu'")
    return wanted
