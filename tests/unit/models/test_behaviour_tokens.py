"""What counts as a purchase that moves the model on, and where a basket begins."""

from __future__ import annotations

import numpy as np

from models.behaviour.tokens import Tokens, read_tokens
from models.columns import EventColumns
from tests.unit.models.behaviour_worlds import CATEGORIES, PURCHASE, VIEW, columns, predictor

MODEL = predictor()


def tokens_of(events: EventColumns) -> Tokens:
    return read_tokens(MODEL.blank(1), np.zeros(len(events.types), np.int64), events, CATEGORIES)


def test_another_line_of_a_category_is_no_token_until_the_next_basket() -> None:
    tokens = tokens_of(columns([3, 4, 3, 3], sessions=[7, 7, 7, 8]))
    assert tokens.event.tolist() == [0, 1, 3]
    assert tokens.new_basket.tolist() == [True, False, True]
    assert tokens.position.tolist() == [0, 1, 0]


def test_without_sessions_a_pause_of_more_than_two_hours_begins_a_basket() -> None:
    tokens = tokens_of(columns([1, 2, 1, 3], sessions=[0, 0, 0, 0], hours=[0, 1.5, 3.4, 6.0]))
    assert tokens.event.tolist() == [0, 1, 3]
    assert tokens.new_basket.tolist() == [True, False, True]


def test_other_types_and_unknown_categories_are_no_tokens() -> None:
    tokens = tokens_of(columns([1, 2, -1, 5], types=[VIEW, PURCHASE, PURCHASE, VIEW]))
    assert tokens.event.tolist() == [1]
    assert tokens.bought.tolist() == [1]


def test_the_gap_is_that_since_the_last_token_and_never_negative() -> None:
    tokens = tokens_of(columns([1, 2, 3], sessions=[1, 2, 3], hours=[10, 34, 20]))
    np.testing.assert_allclose(tokens.gap_hours, [0, 24, 0])
