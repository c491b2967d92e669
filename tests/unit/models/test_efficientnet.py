"""The pretrained image network: every stored weight is used, and it sees what it was taught to see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from models.image.efficientnet import MEAN, STD, WIDTH, EfficientNetLite0, load_backbone

# Published of EfficientNet-Lite0: 4.65 million parameters, its ImageNet classifier among them.
PARAMETERS = 4_652_008
BALLS = (852, 722, 574)  # of ImageNet: tennis ball, ping-pong ball, golf ball


@pytest.fixture(scope="module")
def backbone() -> EfficientNetLite0:
    return load_backbone()


def test_it_has_the_parameters_of_the_published_network(backbone: EfficientNetLite0) -> None:
    assert sum(weights.numel() for weights in backbone.parameters()) == PARAMETERS
    assert not any(weights.requires_grad for weights in backbone.parameters())


@pytest.mark.parametrize(("side", "places"), [(224, 7), (128, 4), (65, 3)])
def test_places_are_a_thirty_second_rounded_up(backbone: EfficientNetLite0, side: int, places: int) -> None:
    with torch.inference_mode():
        found = backbone.places(torch.zeros(1, 3, side, side))
        assert found.shape == (1, WIDTH, places, places)
        assert backbone(torch.zeros(2, 3, side, side)).shape == (2, WIDTH)


def test_a_drawn_ball_is_seen_as_a_ball(backbone: EfficientNetLite0) -> None:
    picture = Image.new("RGB", (224, 224), (90, 120, 60))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((52, 52, 172, 172), fill=(215, 235, 60))
    draw.arc((0, 30, 110, 190), -60, 60, fill="white", width=5)
    draw.arc((114, 30, 224, 190), 120, 240, fill="white", width=5)
    pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        best = backbone.imagenet((pixels - MEAN) / STD).topk(5).indices[0].tolist()
    assert set(best) & set(BALLS), best
