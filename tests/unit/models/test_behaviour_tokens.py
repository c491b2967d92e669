"""What counts as a purchase that moves the model on, and where a basket begins."""

from __future__ import annotations

import numpy as np

from models.behaviour.tokens import Tokens
from models.behaviour.window import apply
from models.columns import EventColumns
from tests.unit.models.behaviour_worlds import PURCHASE, VIEW, columns, predictor

MODEL = predictor()


def tokens_of(events: EventColumns) -> Tokens:
    return apply(MODEL.blank(1), np.zeros(len(events.types), np.int64), events, MODEL.names).tokens


def begins(tokens: Tokens) -> list[bool]:
    return [bool(begins) for begins in tokens.numeric()[:, 0]]


def test_another_line_of_a_category_is_no_token_until_the_next_basket() -> None:
    tokens = tokens_of(columns([3, 4, 3, 3], sessions=[7, 7, 7, 8]))
    assert tokens.events == [0, 1, 3]
    assert begins(tokens) == [True, False, True]
    np.testing.assert_allclose(np.expm1(3 * tokens.numeric()[:, 6]), [0, 1, 0], atol=1e-5)  # places in the basket


def test_without_sessions_a_pause_of_more_than_two_hours_begins_a_basket() -> None:
    tokens = tokens_of(columns([1, 2, 1, 3], sessions=[0, 0, 0, 0], hours=[0, 1.5, 3.4, 6.0]))
    assert tokens.events == [0, 1, 3]
    assert begins(tokens) == [True, False, True]


def test_other_types_and_unknown_categories_are_no_tokens() -> None:
    tokens = tokens_of(columns([1, 2, -1, 5], types=[VIEW, PURCHASE, PURCHASE, VIEW]))
    assert tokens.events == [1]


def test_the_gap_is_that_since_the_last_token_and_never_negative() -> None:
    tokens = tokens_of(columns([1, 2, 3], sessions=[1, 2, 3], hours=[10, 34, 20]))
    np.testing.assert_allclose(np.expm1(5 * tokens.numeric()[:, 1]), [0, 24, 0], rtol=1e-5)
