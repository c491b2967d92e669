"""Distinct titles with the counts of their labels: what the title network learns from.

A title that stands in the data five times, four times blue and once navy, is one example with the target (.8, .2): the
same loss as five rows, at a fifth of the price.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.titles import LabelledTitles
from models.text.layout import Layout


@dataclass(frozen=True, slots=True)
class Examples:
    """n distinct titles, domain after domain in the order of the layout."""

    titles: list[str]
    domains: NDArray[np.int64]  # (n,)
    starts: NDArray[np.int64]  # (domains + 1,) where each domain begins
    counts: dict[str, NDArray[np.float32]]  # head key -> (titles of its domain, labels): rows with that label

    def __len__(self) -> int:
        return len(self.titles)

    def fingerprint(self) -> str:
        """SHA-256 of titles and counts: tells whether a resumed run sees the same data."""
        digest = hashlib.sha256("\x1e".join(self.titles).encode("utf-8", "surrogatepass"))
        for key, table in self.counts.items():
            digest.update(key.encode() + table.tobytes())
        return digest.hexdigest()


def examples(parts: Sequence[LabelledTitles], layout: Layout) -> Examples:
    """Count the labels of each distinct title. Labels that the layout lacks, and unknown ones, count nowhere."""
    titles: list[str] = []
    starts = [0]
    counts: dict[str, NDArray[np.float32]] = {}
    for part, domain in zip(parts, layout.domains, strict=True):
        number: dict[str, int] = {}
        rows = np.array([number.setdefault(title, len(number)) for title in part.titles], dtype=np.int64)
        for head in domain.heads:
            code = {label: i for i, label in enumerate(head.labels)}
            labels = np.array([code.get(label, -1) for label in part.labels[head.name]], dtype=np.int64)
            table = np.zeros((len(number), len(head.labels)), dtype=np.float32)
            np.add.at(table, (rows[labels >= 0], labels[labels >= 0]), 1)
            counts[head.key] = table
        titles += number
        starts.append(len(titles))
    domains = np.repeat(np.arange(len(parts)), np.diff(starts))
    return Examples(titles, domains, np.array(starts), counts)


def unlabelled(titles: Sequence[Sequence[str]], layout: Layout) -> Examples:
    """Distinct titles of each domain, in the order of the layout, of which no label is known."""
    starts = np.concatenate(([0], np.cumsum([len(own) for own in titles])))
    counts = {
        head.key: np.zeros((len(own), len(head.labels)), dtype=np.float32)
        for own, domain in zip(titles, layout.domains, strict=True)
        for head in domain.heads
    }
    domains = np.repeat(np.arange(len(titles)), np.diff(starts))
    return Examples([title for own in titles for title in own], domains, starts, counts)


def together(one: Examples, other: Examples, layout: Layout) -> Examples:
    """Both as one, domain by domain; the titles of `other` come after those of `one`."""
    titles: list[str] = []
    counts: dict[str, NDArray[np.float32]] = {}
    for place, domain in enumerate(layout.domains):
        for given in (one, other):
            titles += given.titles[int(given.starts[place]) : int(given.starts[place + 1])]
        for head in domain.heads:
            counts[head.key] = np.concatenate([one.counts[head.key], other.counts[head.key]])
    starts = one.starts + other.starts
    return Examples(titles, np.repeat(np.arange(len(layout.domains)), np.diff(starts)), starts, counts)
