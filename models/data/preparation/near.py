"""Near duplicates among many texts: MinHash signatures, banded, and every candidate checked by exact similarity.

Source: A. Broder, "On the resemblance and containment of documents" (1997), for MinHash; A. Rajaraman, J. Ullman,
"Mining of Massive Datasets", chapter 3, for the bands; M. Thorup, "High speed hashing for integers and strings"
(arXiv:1504.06804), section 3.3, for the random orders: (a x + b) >> 32 with 64-bit a and b.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SHINGLE = 4  # signs in a row; titles are short, and 3 makes too many of them alike
HASHES = 128
SEED = 7
WIDEST_BUCKET = 200  # texts in one bucket compared all with all; above, each with the first and with its neighbour
CHUNK = 4_096  # texts whose signatures are made at once: the shingles of so many titles stay in the cache
MIXERS = np.random.default_rng(SEED + 1).integers(0, 1 << 64, SHINGLE, dtype=np.uint64) | np.uint64(1)
LEAST_RECALL = 0.99  # of pairs that lie exactly at the threshold


@dataclass(frozen=True)
class Shingled:
    """n texts as sets of hashed shingles, flat: text i has `codes[starts[i]:starts[i + 1]]`, sorted, each once."""

    codes: NDArray[np.uint64]  # below 2^32
    starts: NDArray[np.int64]  # (n + 1,)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, text: int) -> NDArray[np.uint64]:
        """The shingles of one text."""
        return self.codes[self.starts[text] : self.starts[text + 1]]

    def similarity(self, one: int, other: int) -> float:
        """Jaccard: shared shingles over all shingles of the two, 0 to 1."""
        a, b = self.of(one), self.of(other)
        shared = len(np.intersect1d(a, b, assume_unique=True))
        return shared / (len(a) + len(b) - shared)

    @cached_property
    def signatures(self) -> NDArray[np.uint32]:
        """(n, HASHES): of each of HASHES random orders the first shingle of the text."""
        rng = np.random.default_rng(SEED)
        a, b = rng.integers(0, 1 << 64, (2, HASHES), dtype=np.uint64)
        out = np.empty((len(self), HASHES), np.uint32)
        for first in range(0, len(self), CHUNK):
            last = min(first + CHUNK, len(self))
            begin, end = self.starts[first], self.starts[last]
            codes, offsets = self.codes[begin:end], self.starts[first:last] - begin
            for h in range(HASHES):
                places = ((codes * a[h] + b[h]) >> np.uint64(32)).astype(np.uint32)
                out[first:last, h] = np.minimum.reduceat(places, offsets)
        return out


def shingled(texts: Sequence[str]) -> Shingled:
    """Sets of SHINGLE signs in a row; a shorter text is one shingle of its own, so no set is empty."""
    padded = [text.ljust(SHINGLE, "\0") for text in texts]
    signs = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    lengths = np.array([len(text) for text in padded], np.int64)
    owner = np.repeat(np.arange(len(texts), dtype=np.uint64), lengths)  # (all signs,)
    within = np.arange(len(signs)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    begins = within <= np.repeat(lengths, lengths) - SHINGLE  # where a whole shingle begins
    codes = np.zeros(len(signs), np.uint64)
    for step in range(SHINGLE):
        codes += np.roll(signs, -step) * MIXERS[step]
    codes >>= np.uint64(32)
    flat = np.unique(owner[begins] << np.uint64(32) | codes[begins])  # by text, then code
    starts = np.searchsorted(flat, np.arange(len(texts) + 1, dtype=np.uint64) << np.uint64(32))
    return Shingled(flat & np.uint64(0xFFFFFFFF), starts.astype(np.int64))


def near_pairs(texts: Sequence[str], threshold: float) -> Iterator[tuple[int, int, float]]:
    """Pairs (i < j) of texts at least `threshold` alike, each once, with their similarity.

    `texts` should be distinct: equal ones are better joined before. Of pairs exactly at the threshold at least
    LEAST_RECALL are expected; of pairs well above it practically all.
    """
    sets = shingled(texts)
    rows = band_rows(threshold)
    seen: set[int] = set()
    for band in range(HASHES // rows):
        for members in _buckets(sets.signatures[:, band * rows : (band + 1) * rows]):
            for i, j in _candidates(members):
                code = i * len(sets) + j
                if code not in seen:
                    seen.add(code)
                    alike = sets.similarity(i, j)
                    if alike >= threshold:
                        yield i, j, alike


def band_rows(threshold: float) -> int:
    """Rows of a band: as many as still find LEAST_RECALL of the pairs at the threshold; fewer candidates that way."""
    fitting = [r for r in range(1, 33) if 1 - (1 - threshold**r) ** (HASHES // r) >= LEAST_RECALL]
    return max(fitting, default=1)


def _buckets(band: NDArray[np.uint32]) -> Iterator[list[int]]:
    """Texts whose band is equal, in order; only where there are two at least."""
    keys = np.ascontiguousarray(band).view(np.dtype((np.void, band.dtype.itemsize * band.shape[1]))).ravel()
    _, where, counts = np.unique(keys, return_inverse=True, return_counts=True)
    order = np.argsort(where, kind="stable")
    ends = np.cumsum(counts)
    for end, count in zip(ends[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True):
        yield order[end - count : end].tolist()


def _candidates(members: list[int]) -> Iterator[tuple[int, int]]:
    if len(members) <= WIDEST_BUCKET:
        yield from ((i, j) for at, i in enumerate(members) for j in members[at + 1 :])
        return
    yield from ((members[0], j) for j in members[1:])
    yield from pairwise(members[1:])
