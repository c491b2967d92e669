"""The behaviour network: what comes next in a basket, and whether another basket comes within a week.

    tokens ──► embedding ─┐
    gap, hour, price, … ──┴► LSTM ──► h ─┬──────────────► out ──► logit of each category ┐
    running basket ──► sum of embeddings ┤                                               + ─► softmax
    habits ──► profile (sum, by weight) ─┤ (and `deep`, a residual layer over these)        │
                                         └─► gates ─┐                                    │
    habit features of a category ──► hidden (16) ───┴─► dot product ─────────────────────┘

A token's embedding is that of its category and, for the best sellers, a vector of the product. The LSTM is time-aware:
part of its cell fades with the days between baskets (cells.py). A price counts by how far it is from what
is usual in its category.

The last line is the copy term: a category that the user buys gets a logit from how much, how regularly and how long ago
it was bought, mixed by gates that the LSTM's state sets, so that "what is due" and "what goes with this basket" are
weighed anew at each event. Besides the categories there is one more outcome, "again": the next event (of a next basket)
is of a category of the running basket. It is never offered, and keeps the shares of the others honest.

Sources: Baytas et al. 2017 (time-aware LSTM, cells.py); Gu et al. 2016, arXiv:1603.06393 (copying); Ren et al. 2019,
RepeatNet, arXiv:1812.02646 (repeat or explore, chosen by the state). Temperatures: Guo et al. 2017, arXiv:1706.04599.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.behaviour.cells import State, TimeAwareLstm
from models.behaviour.habits import HALF_DAYS
from models.behaviour.tokens import BEFORE_PRICES, GAP, GAP_SCALE, NUMERIC

FEATURES = 7  # of a habit, see `_habit_features`
RHYTHM = 4  # of a user, see `week_logit`
FACTS = 6  # of a user and the running basket, see `_facts`
HIDDEN = 0.1  # share of the products, and of the prices, of a training pass that are shown as unknown
PER_SPREAD, DEAREST = 0.5, 1.5  # what a price that is one spread above the usual one counts, and the most one can
MASKED = -1e4  # logit of a category that is not offered: exp() of it is 0 even at a temperature of 5
MEMORY_DAYS = HALF_DAYS / 0.6931  # what is halved every 180 days remembers 260 days


@dataclass(frozen=True, slots=True)
class Sizes:
    """Everything that sets the shape of the network and of the row."""

    categories: int
    hidden: int = 64
    embedding: int = 48
    basket: int = 32
    profile: int = 32
    deep: int = 128
    mixer: int = 16
    habits: int = 112
    products: int = 0  # best sellers that have a vector of their own beside that of their category
    residual: int = 16  # numbers of such a vector
    numeric: int = NUMERIC  # columns of Tokens.numeric that are read, from the first on

    def as_dict(self) -> dict[str, int]:
        """For the manifest."""
        return asdict(self)


class Inputs(NamedTuple):
    """What the LSTM reads of t tokens."""

    category: Tensor  # (t,)
    product: Tensor  # (t,) number of the product, -1 = unknown
    numeric: Tensor  # (t, 10) as Tokens.numeric

    @property
    def days(self) -> Tensor:
        """(t,) since the last token."""
        return torch.expm1(self.numeric[:, GAP] * GAP_SCALE) / 24


class Memory(NamedTuple):
    """What the row knows right after each of m events."""

    weight: Tensor  # (m, categories) float32 habits as stored, 0 = none
    age: Tensor  # (m, categories) float32 hours since the last purchase
    basket: Tensor  # (m, categories) bool: in the running basket
    visits: Tensor  # (m,) float32 baskets, fading
    span: Tensor  # (m,) float32 days since the first purchase
    rhythm: Tensor  # (m,) float32 mean days between baskets, 0 = unknown


class Recurrent(nn.Module, ABC):
    """A recurrent network over tokens, and two answers from its state and the memory of the row."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.embedding = nn.Embedding(sizes.categories, sizes.embedding)
        if sizes.numeric > BEFORE_PRICES:  # of a category: mean and standard deviation of the log price of a piece
            self.register_buffer("usual_price", torch.zeros(sizes.categories))
            self.register_buffer("price_spread", torch.ones(sizes.categories))

    def encode(self, tokens: Inputs, widths: Tensor, state: State) -> tuple[Tensor, State]:
        """Run tokens through the network.

        Shapes: tokens in the order of a schedule, (steps,) widths, state (1, r, hidden) twice by rank -> (t, hidden)
        after each token, and the state after all.
        """
        return self.recur(torch.cat([self.embed(tokens), self.numbers(tokens)], dim=1), tokens.days, widths, state)

    def embed(self, tokens: Inputs) -> Tensor:
        """(t, embedding) of what was bought."""
        vectors: Tensor = self.embedding(tokens.category)
        return vectors

    def numbers(self, tokens: Inputs) -> Tensor:
        """(t, sizes.numeric) the numeric inputs, prices beside those of their category; in training some are hidden."""
        if self.sizes.numeric == BEFORE_PRICES:
            return tokens.numeric[:, :BEFORE_PRICES]
        before, (price, told, pieces) = tokens.numeric[:, :BEFORE_PRICES], tokens.numeric[:, BEFORE_PRICES:].unbind(1)
        beside = price - self.get_buffer("usual_price")[tokens.category]
        beside = beside * PER_SPREAD / self.get_buffer("price_spread")[tokens.category]
        bought = torch.stack([beside.clamp(-DEAREST, DEAREST) * told, told, pieces], dim=1)
        if self.training:
            bought = bought * (torch.rand(len(bought), 1, device=bought.device) >= HIDDEN)
        return torch.cat([before, bought], dim=1)

    @abstractmethod
    def recur(self, inputs: Tensor, days: Tensor, widths: Tensor, state: State) -> tuple[Tensor, State]:
        """(t, embedding + numeric) and (t,) days since the last token, otherwise as `encode`."""

    @abstractmethod
    def logits(self, h: Tensor, memory: Memory) -> Tensor:
        """(m, hidden), memory -> (m, categories + 1): the categories and, last, "again"."""

    @abstractmethod
    def week_logit(self, h: Tensor, memory: Memory) -> Tensor:
        """(m, hidden), memory -> (m,) logit of another purchase basket within 7 days of the event."""


class BehaviourNetwork(Recurrent):
    """Sizes -> the network. Constructing draws random weights; `load_state_dict` brings trained ones."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.lstm = TimeAwareLstm(sizes.embedding + sizes.numeric, sizes.hidden)
        self.residual = nn.Embedding(sizes.products + 1, sizes.residual)  # the last: any other product
        self.widen = nn.Linear(sizes.residual, sizes.embedding, bias=False)
        self.register_buffer("sold", torch.arange(sizes.products))  # which products, by rising number
        joint = sizes.hidden + sizes.basket + sizes.profile
        self.basket = nn.Parameter(torch.randn(sizes.categories, sizes.basket) * 0.1)
        self.profile = nn.Parameter(torch.randn(sizes.categories, sizes.profile) * 0.1)
        self.deep = nn.Sequential(nn.Linear(joint + FACTS, sizes.deep), nn.ReLU(), nn.Linear(sizes.deep, joint))
        self.out = nn.Linear(joint, sizes.categories + 1)
        self.mix = nn.Linear(FEATURES, sizes.mixer)
        self.mix_category = nn.Parameter(torch.zeros(sizes.categories, sizes.mixer))
        self.gates = nn.Linear(joint, sizes.mixer)
        self.week = nn.Sequential(nn.Linear(sizes.hidden + RHYTHM, 24), nn.ReLU(), nn.Linear(24, 1))
        self.drop = nn.Dropout(0.05)
        self.register_buffer("temperature", torch.ones(1))
        self.register_buffer("week_scale", torch.tensor([1.0, 0.0]))  # slope and intercept on the logit
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.gates.weight)
        nn.init.normal_(self.gates.bias, std=0.1)
        nn.init.normal_(self.residual.weight, std=0.1)

    def embed(self, tokens: Inputs) -> Tensor:
        own: Tensor = self.widen(self.residual(self._places(tokens.product)))
        return super().embed(tokens) + own

    def _places(self, product: Tensor) -> Tensor:
        """(t,) numbers of products -> places in `residual`; in training some are hidden, for the last one to learn."""
        sold = self.get_buffer("sold")
        if not len(sold):
            return torch.zeros_like(product)
        places = torch.searchsorted(sold, product.contiguous()).clamp(max=len(sold) - 1)
        other = sold[places] != product
        if self.training:
            other = other | (torch.rand(len(product), device=product.device) < HIDDEN)
        return places.masked_fill(other, len(sold))

    def recur(self, inputs: Tensor, days: Tensor, widths: Tensor, state: State) -> tuple[Tensor, State]:
        return self.lstm.over(inputs, days, widths, state)

    def logits(self, h: Tensor, memory: Memory) -> Tensor:
        fade = torch.exp2(memory.age * (-1 / (24 * HALF_DAYS)))
        weight = memory.weight * fade
        log_weight = torch.log1p(weight)  # (m, categories)
        known = memory.weight > 0
        scale = torch.rsqrt(1 + known.sum(dim=1, keepdim=True))
        joint = torch.cat(
            [self.drop(h), self.drop(memory.basket.float() @ self.basket), (log_weight @ self.profile) * scale], dim=1
        )
        joint = joint + self.deep(torch.cat([joint, _facts(memory, weight.sum(dim=1))], dim=1))  # (m, joint)
        logits: Tensor = self.out(joint)  # (m, categories + 1)
        row, column = torch.nonzero(known, as_tuple=True)  # only habits have a copy term
        features = self._habit_features(memory, log_weight, row, column)  # (p, 7)
        mixed = F.relu_(self.mix(features).add_(F.embedding(column, self.mix_category)))  # (p, mixer)
        copied = (mixed * F.embedding(row, self.gates(joint))).sum(dim=1)  # (p,)
        cell = row * (self.sizes.categories + 1) + column
        logits = logits.reshape(-1).index_add(0, cell, copied).reshape(logits.shape)
        never = F.pad(memory.basket, (0, 1))
        return logits.masked_fill(never, MASKED)

    def _habit_features(self, memory: Memory, log_weight: Tensor, row: Tensor, column: Tensor) -> Tensor:
        """(p,) places of p habits -> (p, 7): amount, amount per basket, and four views of the time since.

        The last two compare the time since the last purchase with the user's usual gap for that category.
        """
        cell = row * self.sizes.categories + column
        amount, age = log_weight.reshape(-1).index_select(0, cell), memory.age.reshape(-1).index_select(0, cell)
        days = torch.log1p(age / 24)
        usual = _usual(memory.span) + 1
        due = torch.log1p(age / 24 * torch.expm1(amount) / usual.index_select(0, row))
        per_basket = amount - torch.log1p(memory.visits).index_select(0, row)
        today = (age < 1).float()
        return torch.stack([amount, per_basket, days, 0.3 * torch.log1p(age), today, due, due * due], dim=1)

    def week_logit(self, h: Tensor, memory: Memory) -> Tensor:
        rhythm = torch.stack(
            [
                torch.log1p(memory.visits),
                torch.log1p(memory.span) / 3,
                torch.log1p(memory.rhythm),
                torch.log1p(memory.visits) - torch.log1p(_usual(memory.span)),
            ],
            dim=1,
        )
        logit: Tensor = self.week(torch.cat([h, rhythm], dim=1)).squeeze(1)  # (m,)
        return logit

    def calibrated_week(self, h: Tensor, memory: Memory) -> Tensor:
        """(m,) probabilities."""
        slope, intercept = self.get_buffer("week_scale").unbind()
        return torch.sigmoid(self.week_logit(h, memory) * slope + intercept)


def _usual(span: Tensor) -> Tensor:
    """(m,) days since the first purchase -> days that faded weights stand for."""
    return span / (1 + span / MEMORY_DAYS)


def _facts(memory: Memory, bought: Tensor) -> Tensor:
    """(m,) sums of the faded weights -> (m, 6) logs: visits, span, rhythm, days the weights stand for, categories in a
    usual basket, and in this one. The last two tell how much of a basket is still to come.
    """
    usual_size, size = bought / (memory.visits + 0.5), memory.basket.sum(dim=1)
    facts = (memory.visits, memory.span, memory.rhythm, _usual(memory.span), usual_size, size)
    return torch.stack([torch.log1p(fact) for fact in facts], dim=1) / 3
