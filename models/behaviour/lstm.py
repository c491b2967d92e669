"""The LSTM of network.py in numpy: tokens of many users, a step at a time.

torch takes a tenth of a millisecond to begin, which is six tokens here, and most windows have fewer. All gates go
through one tanh, as sigmoid(x) is (1 + tanh(x / 2)) / 2: the inner halves are in the weights. A step works on
`[input, forget, output, cell gate | cell]`, so that one product gives both parts of the new cell. Only the tokens that
begin a basket have days behind them, so only their cells are faded (cells.py).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.behaviour.matrix import Matrix
from models.behaviour.network import DEAREST, PER_SPREAD, BehaviourNetwork
from models.behaviour.tokens import BEFORE_PRICES, GAP, GAP_SCALE, PRICE, TOLD, Tokens

Floats = NDArray[np.float32]
ONE, SCALE, PER_E = (np.full(1, value, np.float32) for value in (1, GAP_SCALE, 1 / (24 * math.e)))
HALF = np.full(1, 0.5, np.float32)  # an array: with Python's numbers numpy takes twice as long
MOST, LEAST = (np.full(1, sign * DEAREST, np.float32) for sign in (1, -1))


class Encoded(NamedTuple):
    """States after a window."""

    at_token: Floats  # (t, hidden) h after each token
    users: list[int]  # (r,) rows with tokens
    h: Floats  # (r, hidden) of those rows, after all
    c: Floats  # (r, hidden)


class Lstm:
    """The LSTM of a network, with its embeddings; a copy of the weights."""

    def __init__(self, network: BehaviourNetwork) -> None:
        sizes = network.sizes
        weights = {name: value.detach().cpu().numpy() for name, value in network.lstm.named_parameters()}
        i, f, g, o = np.split(np.arange(4 * sizes.hidden), 4)  # torch's order
        order, half = np.concatenate([i, f, o, g]), np.repeat(np.array([0.5, 0.5, 0.5, 1], np.float32), sizes.hidden)
        inputs = weights["weight_ih_l0"][order].T * half  # (embedding + numeric, 4 hidden)
        bias = (weights["bias_ih_l0"] + weights["bias_hh_l0"])[order] * half
        embedding = network.embedding.weight.detach().cpu().numpy()
        self._hidden, self._numeric = sizes.hidden, sizes.numeric
        self._usual: Floats = np.zeros(0, np.float32)  # (categories,) where prices are read
        self._per_spread = self._usual
        if sizes.numeric > BEFORE_PRICES:
            self._usual = network.get_buffer("usual_price").cpu().numpy()
            spread: Floats = network.get_buffer("price_spread").cpu().numpy()
            self._per_spread = np.float32(PER_SPREAD) / spread
        self._short = Matrix(weights["short.weight"].T)
        self._short_bias: Floats = weights["short.bias"]
        sold = network.get_buffer("sold").cpu().numpy()
        self._places = np.full(int(sold.max(initial=-1)) + 3, len(sold))  # by product + 1; first and last: others
        self._places[sold + 1] = np.arange(len(sold))
        self._residual = network.residual.weight.detach().cpu().numpy()
        widen = network.widen.weight.detach().cpu().numpy().T  # (residual, embedding)
        self._of_category: Floats = embedding @ inputs[: sizes.embedding] + bias  # (categories, 4 hidden)
        self._others = Matrix(np.vstack([inputs[sizes.embedding :], widen @ inputs[: sizes.embedding]]))
        self._state = Matrix(weights["weight_hh_l0"][order].T * half)

    def __call__(self, tokens: Tokens, h: Floats, c: Floats) -> Encoded:
        """Tokens of a window; (u, hidden) h and c of all its rows, before it."""
        of_user = by_user(tokens.users)
        order, widths = steps(of_user)
        users = [tokens.users[mine[0]] for mine in of_user]
        gates = self._of_category.take(tokens.categories, axis=0)  # (t, 4 hidden)
        numeric = self._numbers(tokens)
        places = self._places.take(tokens.product + 1, mode="clip")
        gates += self._others.of(np.concatenate([numeric, self._residual.take(places, axis=0)], axis=1))
        gone = _lost(numeric[:, GAP])
        hidden, start, last = self._hidden, 0, 0
        one, two, three, four = hidden, 2 * hidden, 3 * hidden, 4 * hidden
        work = np.empty((len(users), four + hidden), np.float32)
        work[:, four:] = c.take(users, axis=0)
        state, states = h.take(users, axis=0), []
        if len(widths) > 1:
            gates, gone = gates.take(order, axis=0), gone.take(order)
        for width in widths:
            if width != last:  # views cost as much as what is done with them: keep them from step to step
                last, mine, state = width, work[:width], state[:width]
                gate, sigmoids, cell, values = mine[:, :four], mine[:, :three], mine[:, four:], mine[:, three:]
                inwards, outwards = mine[:, :two], mine[:, two:three]
            self._fade(cell, gone[start : start + width])
            np.add(self._state.of(state), gates[start : start + width], gate)
            np.tanh(gate, gate)
            np.multiply(sigmoids, HALF, sigmoids)
            np.add(sigmoids, HALF, sigmoids)
            parts = inwards * values
            np.add(parts[:, :one], parts[:, one:], cell)
            state = np.tanh(cell)
            state *= outwards
            states.append(state)
            start += width
        if len(widths) == 1:
            return Encoded(state, users, state, work[:, four:])
        at_token = np.empty((len(order), hidden), np.float32)
        at_token[order] = np.concatenate(states)
        return Encoded(at_token, users, at_token.take([mine[-1] for mine in of_user], axis=0), work[:, four:])

    def _numbers(self, tokens: Tokens) -> Floats:
        """(t, numeric) as `Recurrent.numbers`."""
        numeric = tokens.numeric()
        if self._numeric == BEFORE_PRICES:
            return numeric[:, :BEFORE_PRICES]
        price = numeric[:, PRICE]
        price -= self._usual.take(tokens.categories)
        price *= self._per_spread.take(tokens.categories)
        np.minimum(price, MOST, out=price)
        np.maximum(price, LEAST, out=price)
        price *= numeric[:, TOLD]
        return numeric

    def _fade(self, cell: Floats, gone: Floats) -> None:
        """(r, hidden) cells, in place, whose short-term part loses these (r,) shares."""
        faded = np.flatnonzero(gone)  # few: the tokens that begin a basket
        if len(faded):
            mine = cell.take(faded, axis=0)
            short = self._short.of(mine)
            short += self._short_bias
            np.tanh(short, short)
            short *= gone.take(faded)[:, None]
            cell[faded] = mine - short


def _lost(gap: Floats) -> Floats:
    """(t,) the time since the last token as it is in the numeric inputs -> as `cells.lost`."""
    lost: Floats = ONE - ONE / (ONE + np.log1p(np.expm1(gap * SCALE) * PER_E))
    return lost


def by_user(users: list[int]) -> list[list[int]]:
    """(t,) row of each token -> the tokens of each row, the rows with most of them first."""
    of_user: dict[int, list[int]] = {}
    for token, user in enumerate(users):
        of_user.setdefault(user, []).append(token)
    return sorted(of_user.values(), key=len, reverse=True)


def steps(of_user: list[list[int]]) -> tuple[list[int], list[int]]:
    """-> (t,) the tokens by step, and how many each step has: step k holds the k-th token of every row that has one.

    As in schedule.py, which is for windows in numpy: this is faster for a few tokens, and not slower for thousands.
    """
    order: list[int] = []
    widths: list[int] = []
    width = len(of_user)
    for step in range(len(of_user[0])):
        while len(of_user[width - 1]) <= step:
            width -= 1
        order += [mine[step] for mine in of_user[:width]]
        widths.append(width)
    return order, widths
