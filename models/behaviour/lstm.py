"""The LSTM of network.py in numpy: tokens of many users, a step at a time.

torch takes a tenth of a millisecond to begin, which is six tokens here, and most windows have fewer. All gates go
through one tanh, as sigmoid(x) is (1 + tanh(x / 2)) / 2: the inner halves are in the weights. A step works on
`[input, forget, output, cell gate | cell]`, so that one product gives both parts of the new cell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.behaviour.matrix import Matrix
from models.behaviour.network import Recurrent
from models.behaviour.tokens import Tokens

Floats = NDArray[np.float32]
HALF = np.full(1, 0.5, np.float32)  # an array: with Python's numbers numpy takes twice as long


class Encoded(NamedTuple):
    """States after a window."""

    at_token: Floats  # (t, hidden) h after each token
    users: list[int]  # (r,) rows with tokens
    h: Floats  # (r, hidden) of those rows, after all
    c: Floats  # (r, hidden)


class Lstm:
    """The LSTM of a network, with its embedding; a copy of the weights."""

    def __init__(self, network: Recurrent) -> None:
        sizes = network.sizes
        weights = {name: value.detach().cpu().numpy() for name, value in network.lstm.named_parameters()}
        i, f, g, o = np.split(np.arange(4 * sizes.hidden), 4)  # torch's order
        order, half = np.concatenate([i, f, o, g]), np.repeat(np.array([0.5, 0.5, 0.5, 1], np.float32), sizes.hidden)
        inputs = weights["weight_ih_l0"][order].T * half  # (embedding + 7, 4 hidden)
        bias = (weights["bias_ih_l0"] + weights["bias_hh_l0"])[order] * half
        embedding = network.embedding.weight.detach().cpu().numpy()
        self._hidden = sizes.hidden
        self._of_category: Floats = embedding @ inputs[: sizes.embedding] + bias  # (categories, 4 hidden)
        self._numeric = Matrix(inputs[sizes.embedding :])
        self._state = Matrix(weights["weight_hh_l0"][order].T * half)

    def __call__(self, tokens: Tokens, h: Floats, c: Floats) -> Encoded:
        """Tokens of a window; (u, hidden) h and c of all its rows, before it."""
        of_user = by_user(tokens.users)
        order, widths = steps(of_user)
        users = [tokens.users[mine[0]] for mine in of_user]
        gates = self._of_category.take(tokens.categories, axis=0)  # (t, 4 hidden)
        gates += self._numeric.of(tokens.numeric())
        hidden, start, last = self._hidden, 0, 0
        one, two, three, four = hidden, 2 * hidden, 3 * hidden, 4 * hidden
        work = np.empty((len(users), four + hidden), np.float32)
        work[:, four:] = c.take(users, axis=0)
        state, states = h.take(users, axis=0), []
        if len(widths) > 1:
            gates = gates.take(order, axis=0)
        for width in widths:
            if width != last:  # views cost as much as what is done with them: keep them from step to step
                last, mine, state = width, work[:width], state[:width]
                gate, sigmoids, cell, values = mine[:, :four], mine[:, :three], mine[:, four:], mine[:, three:]
                inwards, outwards = mine[:, :two], mine[:, two:three]
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
