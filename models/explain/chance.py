"""The confidence of an answer as a smooth function of what the networks read: what the gradients are taken of.

Between an empty text and the given one lie the bags `a * bag`, a from 0 to 1: the straight line of integrated gradients
(Sundararajan et al., arXiv:1703.01365), whose baseline is here what the model answers to a text without known n-grams.
The networks bring every bag to one length first, so all of the change happens at small a; POWER puts the points of the
integral there. That changes where the integral is sampled, not what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.text.committee import DOMAIN, Committee, Member
from models.text.ngrams import GROUPS, Ngrams

POWER = 3


class Sums:
    """The bags of n texts, member by member, and which row of its table each feature is."""

    def __init__(self, members: Sequence[Member], found: Ngrams) -> None:
        texts = found.offsets[::GROUPS]
        self.owners = np.repeat(np.arange(len(texts) - 1), np.diff(texts))  # (f,) which text each feature is of
        self.rows: list[NDArray[np.int32]] = []  # (f,) each, -1 where the member does not read the feature
        self.scales: list[Tensor] = []  # (n,) each: 1 / sqrt(rows in the bag)
        self.bags: list[Tensor] = []  # (n, width) each
        for member in members:
            device = member.network.table.device
            rows = member.vocabulary.rows_of(found)
            bags = member.vocabulary.bags(found)
            scale = torch.from_numpy(np.diff(bags.offsets)).clamp(min=1).float().rsqrt().to(device)
            starts = torch.from_numpy(bags.offsets[:-1].astype(np.int32))
            known = torch.from_numpy(bags.rows).to(device)
            total = functional.embedding_bag(known, member.network.table, starts.to(device), mode="sum")
            self.rows.append(rows)
            self.scales.append(scale)
            self.bags.append((total * scale.unsqueeze(1)).detach())


def chances(
    committee: Committee, domain: int, labels: Mapping[str, Tensor], pooled: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Confidence P(domain) P(label | domain) of one label per text and head, differentiable.

    Shapes: labels by head key (n,) int64, all of this domain; pooled (n, width) per member -> (n,) by key.
    """
    members = list(zip(committee.members, pooled, strict=True))
    belongs = committee.mean(DOMAIN, [member.network.domain_logits(x) for member, x in members])[:, domain]
    name = committee.layout.domains[domain].name
    heads = [member.network.head_logits(name, x) for member, x in members]
    return {
        key: belongs * committee.mean(key, [logits[key] for logits in heads]).gather(1, label.unsqueeze(1)).squeeze(1)
        for key, label in labels.items()
    }


def nodes(count: int) -> list[tuple[float, float]]:
    """(a, weight) of the points of the integral from 0 to 1: Gauss-Legendre in a ** (1 / POWER)."""
    places, weights = np.polynomial.legendre.leggauss(count)
    places = (places + 1) / 2
    return list(zip((places**POWER).tolist(), (weights / 2 * POWER * places ** (POWER - 1)).tolist(), strict=True))
