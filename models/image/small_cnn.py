"""A small convolutional network of our own, for pictures of one kind and few pixels."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

WIDTHS = (32, 64, 128)


class SmallCnn(nn.Module):
    """Pictures -> logits: three steps of convolution and halving, then the mean over places.

    Batch normalisation after each convolution (arXiv:1502.03167); two convolutions where the picture is small already.
    """

    def __init__(self, channels: int, labels: int, dropout: float = 0.2) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.steps = nn.Sequential(
            *_step(channels, first),
            nn.MaxPool2d(2),
            *_step(first, second),
            nn.MaxPool2d(2),
            *_step(second, third),
            *_step(third, third),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
        )
        self.answer = nn.Linear(third, labels)

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, channels, h, w) float32, h and w at least 4 -> (n, labels) logits."""
        return cast(Tensor, self.answer(self.steps(pictures)))


def _step(inside: int, outside: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()
