"""From purchases to what the network reads: the only code that does it, for training and for answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.behaviour.schedule import schedule
from models.data.sequences import lanes
from models.items.follows import KINDS, Follows, Own, asked
from models.items.lines import Floats, Lines, numeric
from models.items.memory import BASKET, baskets, histories
from models.items.network import SMOOTH, ItemNetwork, Known, Sparse
from models.items.ragged import Ints, Ragged
from models.items.words import words

LANES = 48
PIECE = 24  # purchases of back-propagation: an invoice
LONG = 480  # purchases: customers with more come first in a pass, or one lane would go on alone at its end
RAREST = 0.5  # purchases that an item never sold counts as

Piece = tuple[list[Ints], NDArray[np.bool_]]  # the purchases of each lane, and whether a customer begins there


@dataclass(frozen=True, slots=True)
class Shop:
    """What is known of the items themselves; those past `sold` came after training."""

    items: tuple[str, ...]
    descriptions: tuple[str, ...]
    sales: Floats  # (items,) purchases in training
    usual_price: Floats  # (items,) 0 = unknown
    follows: tuple[Follows, ...]  # by kind

    def extended(self, items: Sequence[str], descriptions: Sequence[str]) -> Shop:
        """With more items, which nobody has bought yet."""
        count, total = len(self.items), len(self.items) + len(items)
        nothing = np.zeros(len(items), np.float32)
        wider = tuple(
            Follows.of_keys(one.keys // count * total + one.keys % count, one.counts, total) for one in self.follows
        )
        return Shop(
            (*self.items, *items),
            (*self.descriptions, *descriptions),
            np.concatenate([self.sales, nothing]),
            np.concatenate([self.usual_price, nothing]),
            wider,
        )


class Reader:
    """Purchases of a shop, served piece by piece to a network that carries its state along.

    `lines` are by (customer, time, invoice) and their items are the shop's. With `own`, the purchases are those that
    the shop's `follows` were counted on, and each customer's own pairs are left out of what the network is told.
    """

    def __init__(self, lines: Lines, shop: Shop, slots: int, *, own: bool = False) -> None:
        self._lines, self._shop = lines, shop
        self._item = lines.item.astype(np.int64)
        self._numeric = numeric(lines, shop.usual_price)
        self._masked, self._basket = baskets(lines), baskets(lines, BASKET)
        self._history = histories(lines, len(shop.items))
        self._asked = asked(lines)
        self._own = Own(lines, len(shop.items)) if own else None
        self._share = np.maximum(shop.sales, RAREST) / max(float(shop.sales.sum()), 1.0)
        self._words = tuple(torch.from_numpy(each) for each in words(shop.descriptions, slots))

    def order(self, random: np.random.Generator | None) -> list[Piece]:
        """The pieces of one pass over all customers, shuffled by `random`."""
        return list(lanes(self._lines.customer, LANES, PIECE, random, long_first=LONG))

    def vectors(self, network: ItemNetwork) -> Tensor:
        """(items, embedding)"""
        return network.vectors(*self._words)

    def logits(self, network: ItemNetwork, vectors: Tensor, piece: Piece, state: Tensor) -> tuple[Tensor, Tensor]:
        """A piece and the state (2, LANES, hidden) before it -> (m, items + 1) logits, and the state after it."""
        pieces, begins = piece
        which = np.concatenate(pieces)
        steps = schedule(np.repeat(np.arange(LANES), [len(each) for each in pieces]))
        users = torch.from_numpy(steps.users)
        state = state.detach() * torch.from_numpy(~begins).float()[None, :, None]
        known = self._known(which)
        order = torch.from_numpy(steps.order)
        h, (h_end, c_end) = network.encode(
            vectors,
            known.last[order],
            known.numeric[order],
            torch.from_numpy(steps.widths),
            (state[0, users][None], state[1, users][None]),
        )
        state = state.index_copy(1, users, torch.cat([h_end, c_end]))
        return network.logits(vectors, h[torch.from_numpy(steps.place())], known), state

    def pass_over(self, network: ItemNetwork) -> Iterator[tuple[Ints, Tensor]]:
        """(m,) purchases and (m, items + 1) logits of each piece in turn, without gradients."""
        network.eval()
        with torch.no_grad():
            vectors, state = self.vectors(network), self.blank(network)
            for piece in self.order(None):
                logits, state = self.logits(network, vectors, piece, state)
                yield np.concatenate(piece[0]), logits

    def blank(self, network: ItemNetwork) -> Tensor:
        """(2, LANES, hidden) state of customers never seen."""
        return torch.zeros(2, LANES, network.sizes.hidden)

    def _known(self, which: Ints) -> Known:
        return Known(
            torch.from_numpy(self._item[which]),
            torch.from_numpy(self._numeric[which]),
            _sparse(self._masked, which),
            _sparse(self._basket, which),
            _sparse(self._history, which),
            tuple(self._followed(kind, which) for kind in range(len(KINDS))),
        )

    def _followed(self, kind: int, which: Ints) -> Sparse:
        before, table = self._asked[kind][which], self._shop.follows[kind]
        if self._own is None:
            rows, columns, counts = table.of(before)
        else:
            rows, columns, counts = table.without(before, *self._own.of(kind, which, before))
        lift = np.log1p(counts / (SMOOTH * self._share[columns].astype(np.float32)))
        values = np.stack([np.log1p(counts), lift / 4], axis=1)
        return Sparse(torch.from_numpy(rows), torch.from_numpy(columns), torch.from_numpy(values))


def _sparse(lists: Ragged, which: Ints) -> Sparse:
    return Sparse(*(torch.from_numpy(each) for each in lists.of(which)))
