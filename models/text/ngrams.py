"""Hashed n-grams of many texts at once, without a Python loop over words or characters.

A text is cut at MAX_CODE_POINTS, brought to Unicode form NFKC and lower case. A word is a run of letters, digits and
marks; everything else separates words. The features of one text, in GROUPS groups:

    words     w1, w2, ...              and the first and the last word as such
    pairs     (w1, w2), (w2, w3), ...  and (w1, w3), (w2, w4), ... with one word left out
    runs      of 3, 4 and 5 code points inside " word " (its edges included)

Each is a 64-bit hash, brought down to BITS; texts never share a feature with their neighbours in the batch, so a batch
gives what one text at a time gives.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

MAX_CODE_POINTS = 512  # titles have a median of 35; past this a description adds little and costs time
BITS = 22  # 4.2 million slots: 100,000 kept n-grams meet a stranger in 2 % of look-ups
CHARACTER_RUNS = (3, 4, 5)
GROUPS = 3

Hashes = NDArray[np.uint64]
Owned = tuple[Hashes, NDArray[np.int64]]  # features and the text of each, texts in order
_TAIL = " " * (CHARACTER_RUNS[-1] - 1)  # lets every run be a plain slice of the same length
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_WORD, _PAIR, _SKIP, _FIRST, _LAST, _RUN = (np.uint64(0xD1B54A32D192ED03 * i & (1 << 64) - 1) for i in range(1, 7))
_POWERS = np.cumprod(np.full(MAX_CODE_POINTS + 1, 0x9E3779B97F4A7C15, dtype=np.uint64))


@dataclass(frozen=True, slots=True)
class Ngrams:
    """Features of n texts, text after text, group after group.

    Those of group g of text i are `slots[offsets[i * GROUPS + g]:offsets[i * GROUPS + g + 1]]`.
    """

    slots: NDArray[np.int32]  # (f,) each below 2**BITS
    offsets: NDArray[np.int64]  # (n * GROUPS + 1,)


@dataclass(frozen=True, slots=True)
class Letters:
    """n texts as one row of code points, a separator before and after each, and where words and texts begin."""

    codes: NDArray[np.uint32]  # (c,) a space for whatever is of no word; the last len(_TAIL) are of no text
    inside: NDArray[np.bool_]  # (c,) whether it is of a word
    starts: NDArray[np.int64]  # (n,) the separator before each text
    begins: NDArray[np.int64]  # (w,) the first letter of each word
    ends: NDArray[np.int64]  # (w,) past its last
    owner: NDArray[np.int64]  # (w,) which text each word is of


def ngrams(texts: Sequence[str]) -> Ngrams:
    """Hashed n-grams of (n,) texts. Any text is allowed: empty, a million characters, lone surrogates."""
    read = letters(texts)
    mixed = _mix(read.codes.astype(np.uint64))  # (c,) a random-looking number per code point
    words, pairs = _word_features(mixed, read.begins, read.ends, read.owner)
    return _by_text((words, pairs, _run_features(mixed, read.inside, read.starts)), len(texts))


def letters(texts: Sequence[str]) -> Letters:
    """The letters and words of (n,) texts, each in the form that `normal` gives it."""
    codes, starts = _code_points([normal(text) for text in texts])
    inside = _word_table()[codes]
    codes = np.where(inside, codes, np.uint32(32))
    change = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    begins, ends = change[0::2], change[1::2]
    owner = np.searchsorted(starts, begins, side="right") - 1
    return Letters(codes, inside, starts, begins, ends, owner)


def normal(text: str) -> str:
    """The form in which a text is read: cut, NFKC, lower case."""
    text = text[:MAX_CODE_POINTS]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return text.lower()[:MAX_CODE_POINTS]


def _code_points(texts: list[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Texts -> code points with a space before each and _TAIL after the last, and where each text's own space is."""
    joined = " " + " ".join(texts) + _TAIL
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    starts = np.zeros(len(texts), dtype=np.int64)
    np.cumsum(lengths[:-1] + 1, out=starts[1:])
    return codes, starts


@cache
def _word_table() -> NDArray[np.bool_]:
    """(0x110000,) whether a code point belongs to words: letters, digits, and the marks that Indic words need."""
    points = map(chr, range(0x110000))
    return np.fromiter((c.isalnum() or unicodedata.category(c)[0] == "M" for c in points), dtype=np.bool_)


def _mix(values: Hashes) -> Hashes:
    """The finalizer of SplitMix64: every bit of the input moves every bit of the output."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _word_features(
    mixed: Hashes, begins: NDArray[np.int64], ends: NDArray[np.int64], owner: NDArray[np.int64]
) -> tuple[list[Owned], list[Owned]]:
    """Words, and pairs of words; no words at all is no features at all."""
    if len(begins) == 0:
        return [], []
    lengths = ends - begins
    edges = np.cumsum(lengths)
    inner = np.arange(edges[-1]) - np.repeat(edges - lengths, lengths)  # place of a letter inside its word
    letters = mixed[np.repeat(begins, lengths) + inner] * _POWERS[inner]
    words = _mix(np.add.reduceat(letters, edges - lengths))  # (w,)
    pair = owner[1:] == owner[:-1]
    skip = owner[2:] == owner[:-2]
    first = np.concatenate(([True], ~pair))
    last = np.concatenate((~pair, [True]))
    return [
        (words ^ _WORD, owner),
        (words[first] ^ _FIRST, owner[first]),
        (words[last] ^ _LAST, owner[last]),
    ], [
        ((words[:-1] * _MULTIPLIER + words[1:] ^ _PAIR)[pair], owner[1:][pair]),
        ((words[:-2] * _MULTIPLIER + words[2:] ^ _SKIP)[skip], owner[2:][skip]),
    ]


def _run_features(mixed: Hashes, inside: NDArray[np.bool_], starts: NDArray[np.int64]) -> list[Owned]:
    """Runs whose inner code points are all of one word; the first and last may be the separators at its edges."""
    count = len(mixed) - len(_TAIL)
    owner = np.repeat(np.arange(len(starts)), np.diff(starts, append=count))
    run = mixed[:count] * _MULTIPLIER + mixed[1 : count + 1]
    whole = np.ones(count, dtype=np.bool_)
    features = []
    for length in CHARACTER_RUNS:
        run = run * _MULTIPLIER + mixed[length - 1 : length - 1 + count]
        whole &= inside[length - 2 : length - 2 + count]
        kept = np.flatnonzero(whole)
        features.append((run[kept] ^ _RUN, owner[kept]))
    return features


def _by_text(groups: tuple[list[Owned], ...], count: int) -> Ngrams:
    """Features group by group, each list in the order of its owners -> all of them text by text."""
    counts = [[np.bincount(owner, minlength=count) for _, owner in group] for group in groups]
    sizes = [sum(each, start=np.zeros(count, dtype=np.int64)) for each in counts]
    offsets = np.zeros(count * GROUPS + 1, dtype=np.int64)
    np.cumsum(np.stack(sizes, axis=1).ravel(), out=offsets[1:])
    slots = np.empty(offsets[-1], dtype=np.int32)
    for place, (group, sizes_) in enumerate(zip(groups, counts, strict=True)):
        base = offsets[place:-1:GROUPS].copy()  # where the next list begins in each text
        for (hashes, owner), each in zip(group, sizes_, strict=True):
            before = np.cumsum(each) - each
            slots[np.arange(len(owner)) + (base - before)[owner]] = _mix(hashes) >> np.uint64(64 - BITS)
            base += each
    return Ngrams(slots, offsets)
