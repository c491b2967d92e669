"""Several networks that answer together: the weighted mean of their probabilities, calibrated as a whole.

Members differ in what they read: one that reads only words and pairs errs on other titles than one that reads character
runs too, or one that has read half of the web before, so their mean is right more often than any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.text.bags import Vocabulary
from models.text.confidence import Curve, calibrated
from models.text.heads import Heads
from models.text.layout import Layout
from models.text.network import TitleNetwork
from models.text.ngrams import Ngrams, ngrams

DOMAIN = "domain"  # key of the head that tells the catalogues apart
_LIKELY = 1e-4  # heads of a domain less likely than this are not computed: they could not reach an answer
_CHUNK = 1024  # texts per pass: keeps the arrays in the processor's cache

Floats = NDArray[np.float32]


class Voter(Protocol):
    """A member of a committee: a network, and how it reads."""

    @property
    def network(self) -> Heads:
        """What is asked; it is moved to the committee's device."""

    @property
    def vote(self) -> float:
        """Its share; those of all members sum to 1."""

    def pool(self, texts: Sequence[str], features: Ngrams, device: torch.device) -> Tensor:
        """(n,) texts and their n-grams -> (n, width)."""


@dataclass(frozen=True, slots=True)
class Member:
    """A title network, the n-grams it knows, and its share of the vote."""

    network: TitleNetwork
    vocabulary: Vocabulary
    vote: float

    def pool(self, texts: Sequence[str], features: Ngrams, device: torch.device) -> Tensor:
        """See `Voter.pool`."""
        bags = self.vocabulary.bags(features)
        rows, offsets = (torch.from_numpy(a).to(device) for a in (bags.rows, bags.offsets.astype(np.int32)))
        return self.network.pool(rows, offsets)


class Committee:
    """Members of one layout, with one temperature per head.

    `votes` gives the members other shares where a head is asked that it names, `curves` bends the confidence of those
    that it names.
    """

    def __init__(
        self,
        layout: Layout,
        members: Sequence[Voter],
        temperatures: Mapping[str, float],
        device: str = "cpu",
        votes: Mapping[str, Sequence[float]] | None = None,
        curves: Mapping[str, Curve] | None = None,
    ) -> None:
        self.layout = layout
        self.device = torch.device(device)
        self.members = list(members)
        for member in members:
            member.network.to(self.device)
        self.temperatures = dict(temperatures)
        self.curves = dict(curves or {})
        self._votes = dict(votes or {})
        self._usual = [member.vote for member in self.members]

    def shares(self, key: str) -> Sequence[float]:
        """Of each member, what its word counts where `key` (a head's, or DOMAIN) is asked; they sum to 1."""
        return self._votes.get(key, self._usual)

    def probabilities(self, texts: Sequence[str]) -> dict[str, Floats]:
        """Calibrated probabilities by key: DOMAIN (n, d), and each head (n, labels) given its domain.

        Rows for which a head's domain is out of the question are zeros. An answer does not depend on its neighbours.
        """
        parts = [self._chunk(texts[i : i + _CHUNK]) for i in range(0, len(texts), _CHUNK)]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _chunk(self, texts: Sequence[str]) -> dict[str, Floats]:
        features = ngrams(texts)
        with torch.inference_mode():
            pooled = [member.pool(texts, features, self.device) for member in self.members]
            domain = self.mean(DOMAIN, [m.network.domain_logits(x) for m, x in zip(self.members, pooled, strict=True)])
            found = {DOMAIN: domain}
            for place, part in enumerate(self.layout.domains):
                likely = torch.nonzero(domain[:, place] >= _LIKELY)[:, 0]  # (m,)
                heads = [m.network.head_logits(part.name, x[likely]) for m, x in zip(self.members, pooled, strict=True)]
                for head in part.heads:
                    whole = torch.zeros((len(texts), len(head.labels)), device=self.device)
                    mean = self.mean(head.key, [logits[head.key] for logits in heads])
                    found[head.key] = whole.index_copy_(0, likely, mean)
            return {key: values.cpu().numpy() for key, values in found.items()}

    def mean(self, key: str, logits: Sequence[Tensor]) -> Tensor:
        """(n, labels) logits of each member -> (n, labels) their mean, calibrated; differentiable."""
        return calibrated(
            mean_log_probabilities(logits, self.shares(key)), self.temperatures[key], self.curves.get(key)
        )


def mean_log_probabilities(logits: Sequence[Tensor], votes: Sequence[float]) -> Tensor:
    """Logarithm of the weighted mean of the members' softmax; all (n, labels)."""
    shares = [vote * torch.softmax(each, dim=1) for each, vote in zip(logits, votes, strict=True)]
    return torch.stack(shares).sum(dim=0).clamp(min=1e-12).log()
