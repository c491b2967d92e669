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
    """Members of one layout, with one temperature per head."""

    def __init__(
        self, layout: Layout, members: Sequence[Voter], temperatures: Mapping[str, float], device: str = "cpu"
    ) -> None:
        self.layout = layout
        self._device = torch.device(device)
        self._members = list(members)
        for member in members:
            member.network.to(self._device)
        self._temperatures = dict(temperatures)

    def probabilities(self, texts: Sequence[str]) -> dict[str, Floats]:
        """Calibrated probabilities by key: DOMAIN (n, d), and each head (n, labels) given its domain.

        Rows for which a head's domain is out of the question are zeros. An answer does not depend on its neighbours.
        """
        parts = [self._chunk(texts[i : i + _CHUNK]) for i in range(0, len(texts), _CHUNK)]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _chunk(self, texts: Sequence[str]) -> dict[str, Floats]:
        features = ngrams(texts)
        with torch.inference_mode():
            pooled = [member.pool(texts, features, self._device) for member in self._members]
            domain = self._mean(
                DOMAIN, [m.network.domain_logits(x) for m, x in zip(self._members, pooled, strict=True)]
            )
            found = {DOMAIN: domain}
            for place, part in enumerate(self.layout.domains):
                likely = torch.nonzero(domain[:, place] >= _LIKELY)[:, 0]  # (m,)
                heads = [
                    m.network.head_logits(part.name, x[likely]) for m, x in zip(self._members, pooled, strict=True)
                ]
                for head in part.heads:
                    whole = torch.zeros((len(texts), len(head.labels)), device=self._device)
                    mean = self._mean(head.key, [logits[head.key] for logits in heads])
                    found[head.key] = whole.index_copy_(0, likely, mean)
            return {key: values.cpu().numpy() for key, values in found.items()}

    def _mean(self, key: str, logits: Sequence[Tensor]) -> Tensor:
        """The members' mean, raised to 1 / temperature and brought back to a sum of 1."""
        mean = mean_log_probabilities(logits, [member.vote for member in self._members])
        return torch.softmax(mean / self._temperatures[key], dim=1)


def mean_log_probabilities(logits: Sequence[Tensor], votes: Sequence[float]) -> Tensor:
    """Logarithm of the weighted mean of the members' softmax; all (n, labels)."""
    shares = [vote * torch.softmax(each, dim=1) for each, vote in zip(logits, votes, strict=True)]
    return torch.stack(shares).sum(dim=0).clamp(min=1e-12).log()
