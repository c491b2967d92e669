"""The reference model in numpy, for the peers: one step of one user, or of many different users at once.

For one event it takes a tenth of the time of torch's LSTM, in batches about as long, so no peer is slowed by its model.
The weights are those of the torch model, from the file that BENCH_WEIGHTS names (`reference_model.save_weights`).
"""

import os
from pathlib import Path

import numpy as np

from benchmarks.reference_events import HALVES, HIDDEN, TOP

BLANK = bytes(HALVES.itemsize)  # the state of a user who has had no event
MOST_ROWS = 512  # of one step: with more, what it works on falls out of the processor's cache


class Model:
    """Shapes: token -> 64-unit LSTM -> 64 classes. The gates are in torch's order: input, forget, cell, output."""

    def __init__(self, weights: Path | None = None) -> None:
        stored = np.load(weights or os.environ["BENCH_WEIGHTS"])
        # sigmoid(x) = (tanh(x / 2) + 1) / 2, so that one tanh does all four gates; the halves go into the weights.
        cell = np.repeat([False, False, True, False], HIDDEN)
        self._scale = np.where(cell, 1, 0.5).astype(np.float32)
        self._shift = np.where(cell, 0, 0.5).astype(np.float32)
        bias = stored["lstm.bias_ih_l0"] + stored["lstm.bias_hh_l0"]
        self._inputs = (
            stored["embedding.weight"] @ stored["lstm.weight_ih_l0"].T + bias
        ) * self._scale  # (tokens, 256)
        self._hidden = np.ascontiguousarray(stored["lstm.weight_hh_l0"].T) * self._scale  # (64, 256)
        self._head, self._bias = np.ascontiguousarray(stored["head.weight"].T), stored["head.bias"]

    def one(self, token: int, state: bytes | None) -> tuple[list[int], list[float], bytes]:
        """The five likeliest classes, their confidences, and the state after one event of one user."""
        h, c = np.frombuffer(state or BLANK, np.float16).astype(np.float32).reshape(2, HIDDEN)
        confidences, after = self._step(token, h, c)
        best = confidences.argsort()[: -TOP - 1 : -1]
        return best.tolist(), confidences[best].tolist(), after.astype(np.float16).tobytes()

    def many(
        self, tokens: np.ndarray, slots: np.ndarray, states: np.ndarray
    ) -> tuple[list[list[int]], list[list[float]]]:
        """Step many events, those of one user in the order given.

        Shapes: tokens, slots (n,), states (u,) of HALVES, changed in place -> classes, confidences (n, 5), in order.
        """
        classes, confidences = self.step(tokens, slots, states.view(np.float16).reshape(-1, 2 * HIDDEN))
        return classes.tolist(), confidences.tolist()

    def step(self, tokens: np.ndarray, slots: np.ndarray, halves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `many`, with states (u, 128) float16, h and c side by side, and arrays in return."""
        classes, confidences = np.empty((len(tokens), TOP), np.int64), np.empty((len(tokens), TOP), np.float32)
        for at in rounds(slots):
            for begin in range(0, len(at), MOST_ROWS):
                self._step_rows(at[begin : begin + MOST_ROWS], tokens, slots, halves, classes, confidences)
        return classes, confidences

    def _step_rows(
        self, at: np.ndarray, tokens: np.ndarray, slots: np.ndarray, halves: np.ndarray,
        classes: np.ndarray, confidences: np.ndarray,
    ) -> None:  # fmt: skip
        before = halves[slots[at]].astype(np.float32)  # (n, 128)
        found, after = self._step(tokens[at], before[:, :HIDDEN], before[:, HIDDEN:])
        halves[slots[at]] = after.astype(np.float16)
        best = found.argsort(-1)[:, : -TOP - 1 : -1]
        classes[at], confidences[at] = best, np.take_along_axis(found, best, -1)

    def _step(self, tokens: "np.ndarray | int", h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shapes: tokens (...), h, c (..., 64) -> confidences (..., 64), new h and c side by side (..., 128)."""
        gates = h @ self._hidden
        gates += self._inputs[tokens]
        np.tanh(gates, out=gates)
        gates *= self._scale
        gates += self._shift
        i, f, g, o = (gates[..., begin : begin + HIDDEN] for begin in range(0, 4 * HIDDEN, HIDDEN))
        after = np.empty((*h.shape[:-1], 2 * HIDDEN), np.float32)
        new_h, new_c = after[..., :HIDDEN], after[..., HIDDEN:]
        np.multiply(f, c, out=new_c)
        new_c += i * g
        np.tanh(new_c, out=new_h)
        new_h *= o
        scores = new_h @ self._head
        scores += self._bias
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        return scores, after


def rounds(slots: np.ndarray) -> list[np.ndarray]:
    """Places of the first event of every user, then of the second of those who have one, and so on."""
    order = np.argsort(slots, kind="stable")
    ordered = slots[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    number = np.arange(len(slots)) - np.repeat(first, np.diff(np.r_[first, len(slots)]))
    return [order[number == one] for one in range(int(number.max(initial=-1)) + 1)]
