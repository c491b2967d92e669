"""Altered views of pictures: what they keep of a picture, and what a fit makes of them."""

import numpy as np
import pytest
import torch

from models.image.efficientnet import WIDTH
from models.train.augment import relit, zoomed
from models.train.marketplace_fit import _drawn
from models.train.picture_views import altered, views_of

PICTURES = np.random.default_rng(3).integers(0, 256, (5, 224, 224, 3), dtype=np.uint8)


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_zoomed_picture_is_a_part_of_it_at_the_whole_size() -> None:
    ramp = torch.linspace(0, 1, 64).expand(20, 1, 48, 64)
    found = zoomed(ramp, seeded(), least=0.5)
    assert found.shape == ramp.shape
    left, right = found[:, 0, 0, 0], found[:, 0, 0, -1]
    assert (left < right).all()
    assert ((right - left) > 0.48).all()  # at least half of its width
    assert ((right - left) < 0.99).sum() > 15
    torch.testing.assert_close(zoomed(ramp, seeded(), least=1.0), ramp, atol=1e-5, rtol=0)


def test_another_light_keeps_the_range_and_changes_every_picture() -> None:
    given = torch.rand(10, 3, 16, 16, generator=seeded())
    found = relit(given, seeded())
    assert found.min() >= 0
    assert found.max() <= 1
    assert ((found - given).abs().mean(dim=(1, 2, 3)) > 0.005).all()
    torch.testing.assert_close(relit(given, seeded(), strength=0.0), given)


def test_views_have_the_pictures_shape_and_come_from_the_seed() -> None:
    found = altered(PICTURES, seeded())
    assert found.shape == PICTURES.shape
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, altered(PICTURES, seeded()))
    assert (found != altered(PICTURES, seeded(4))).any(axis=(1, 2, 3)).all()


def test_each_view_has_a_vector_and_a_missing_picture_has_zeros() -> None:
    found = views_of([PICTURES[0], None, PICTURES[1]], 2, seed=3, progress=False)
    assert found.shape == (2, 3, WIDTH)
    assert not found[:, 1].any()
    assert np.abs(found[0] - found[1])[[0, 2]].max(axis=1).min() > 0.01


@pytest.mark.parametrize("views", [1, 3])
def test_a_step_sees_each_view_as_often_as_the_picture_itself(views: int) -> None:
    count = 3_000
    own, others = torch.zeros(count, 2), torch.arange(1, views + 1)[:, None, None].expand(views, count, 2).float()
    drawn = _drawn(own, others, np.random.default_rng(3))[:, 0].numpy()
    assert np.bincount(drawn.astype(int)).tolist() == pytest.approx([count / (views + 1)] * (views + 1), rel=0.1)
