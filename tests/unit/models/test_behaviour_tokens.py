"""What counts as a purchase that moves the model on, and where a basket begins."""

from __future__ import annotations

import numpy as np
import torch

from models.behaviour.network import Inputs
from models.behaviour.tokens import NUMERIC, PRICE, TOLD, Tokens
from models.behaviour.window import apply
from models.columns import EventColumns
from tests.unit.models.behaviour_worlds import CATEGORIES, PURCHASE, VIEW, columns, predictor

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


def test_a_token_has_the_price_and_the_pieces_of_the_line_that_made_it() -> None:
    told = columns([1, 1, 2, 3], prices=[2.0, 9.0, 0.0, 0.5], quantities=[1, 4, 0, 5])
    tokens = tokens_of(told)
    assert tokens.events == [0, 2, 3]
    np.testing.assert_allclose(
        tokens.numeric()[:, PRICE:], [[np.log(2), 1, 0], [0, 0, 0], [np.log(0.5), 1, np.log(5) / 3]], rtol=1e-6
    )


def test_many_pieces_and_parts_of_one_stay_in_bounds() -> None:
    tokens = tokens_of(columns([1, 2, 3], prices=[1.0] * 3, quantities=[9_000, 0.5, 0.001]))
    np.testing.assert_allclose(tokens.numeric()[:, -1], [1, np.log(0.5) / 3, -1], rtol=1e-6)


def test_events_without_prices_and_pieces_are_those_where_none_is_told() -> None:
    untold = tokens_of(columns([1, 2])).numeric()
    np.testing.assert_array_equal(untold, tokens_of(columns([1, 2], prices=[0, 0], quantities=[0, 0])).numeric())
    assert not untold[:, PRICE:].any()


def test_a_price_counts_beside_what_is_usual_in_its_category() -> None:
    network = predictor().network
    network.get_buffer("usual_price").copy_(torch.linspace(-1, 1, CATEGORIES))
    network.get_buffer("price_spread").fill_(0.5)
    usual = np.exp(np.linspace(-1, 1, CATEGORIES))[:3]
    tokens = tokens_of(columns([0, 1, 2, 3], prices=[usual[0], usual[1] * np.e, usual[2] / 1e6, 0]))
    inputs = Inputs(*map(torch.from_numpy, (tokens.category, tokens.product, tokens.numeric())))
    np.testing.assert_allclose(network.numbers(inputs)[:, PRICE], [0, 1, -1.5, 0], atol=1e-5)
    np.testing.assert_array_equal(network.numbers(inputs)[:, TOLD], [1, 1, 1, 0])


def test_in_training_some_prices_are_hidden_and_in_the_stream_none_is() -> None:
    network = predictor().network
    n = 2_000
    inputs = Inputs(torch.zeros(n, dtype=torch.long), torch.full((n,), -1), torch.ones(n, NUMERIC))
    assert network.eval().numbers(inputs)[:, TOLD].all()
    read = network.train().numbers(inputs)
    hidden = read[:, TOLD] == 0
    assert 0.07 < hidden.float().mean() < 0.13
    assert not read[hidden][:, PRICE:].any()
    assert (read[:, :PRICE] == 1).all()
