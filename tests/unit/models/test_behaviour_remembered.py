"""What training reads of rows is what the stream's walk leaves in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.behaviour import Sizes
from models.behaviour.row import blank, row_dtype
from models.behaviour.walk import EventLists, walk
from models.behaviour.window import remembered
from models.data import journey
from models.data.journey import Purchases
from models.data.sequences import as_events
from models.errors import TrainingError
from models.train import remembered as module
from models.train.remembered import remember
from tests.unit.models.behaviour_shop import SMALL, shop

SHAPE: Sizes = replace(SMALL(12), habits=2)  # fewer places than a household has categories


@pytest.fixture
def events() -> Purchases:
    return journey.events(shop(households=7))


@pytest.mark.parametrize("at_once", [1, 50, 10_000])
def test_every_event_is_remembered_as_the_walk_leaves_it(
    events: Purchases, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    numbers = {int(product): number for number, product in enumerate(np.unique(events.product)[::2])}
    ours = remember(events, SHAPE, numbers)
    _, user = np.unique(events.household, return_inverse=True)
    rows = blank(row_dtype(12, SHAPE.hidden, SHAPE.habits), int(user.max()) + 1)
    names = list(range(12))
    window = walk(rows, user.tolist(), EventLists.of(as_events(events, numbers)), names)
    which = np.random.default_rng(0).permutation(len(events))[:40]
    for mine, theirs in zip(ours.memory(which), remembered(window, slice(None)), strict=True):
        np.testing.assert_array_equal(mine, theirs[which])
    inputs = ours.inputs(which)
    np.testing.assert_array_equal(inputs.category, window.tokens.category[which])
    np.testing.assert_array_equal(inputs.product, window.tokens.product[which])
    np.testing.assert_array_equal(inputs.numeric, window.tokens.numeric()[which])


def test_lines_that_repeat_a_category_are_refused(events: Purchases) -> None:
    with pytest.raises(TrainingError, match="one event per household, basket and category"):
        remember(events.take(np.repeat(np.arange(len(events)), 2)), SHAPE)
