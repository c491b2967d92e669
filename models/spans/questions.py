"""From titles and the attributes asked to the arrays that the network reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.encoder import TextEncoder
from models.spans.gazetteer import FEATURES, Asked, Gazetteer
from models.spans.network import ENCODER, LETTERS, UNIT_LETTERS, Questions
from models.spans.units import REACH, Title


@dataclass(frozen=True, slots=True)
class ReadTitle:
    """One title with all that does not depend on what is asked."""

    title: Title
    states: NDArray[np.float32]  # (u, ENCODER)
    letters: NDArray[np.int64]  # (u, UNIT_LETTERS)
    known: dict[int, dict[str, tuple[float, float, float]]]  # candidate -> attribute -> gazetteer features


def read_titles(
    titles: Sequence[Title], encoder: TextEncoder, gazetteer: Gazetteer, own: Sequence[Asked] | None = None
) -> list[ReadTitle]:
    """Encode titles. `own` is what each taught the gazetteer, None for titles that did not."""
    states, mask, offsets = encoder.hidden([title.text for title in titles])
    found = []
    for row, title in enumerate(titles):
        pieces = mask[row].cpu().numpy()
        mine = None if own is None else own[row]
        known = {place: gazetteer.features(title.value(place), mine) for place in title.candidates}
        found.append(
            ReadTitle(
                title,
                unit_states(title.units, states[row].cpu().numpy()[pieces], offsets[row][pieces]),
                _letters(title),
                {place: features for place, features in known.items() if features},
            )
        )
    return found


def unit_states(
    units: NDArray[np.int64], states: NDArray[np.float32], offsets: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Mean state of the word pieces that share a character with each unit; 0 past what the encoder reads.

    Shapes: (u, 2), (l, ENCODER), (l, 2) -> (u, ENCODER).
    """
    shared = (offsets[None, :, 0] < units[:, None, 1]) & (offsets[None, :, 1] > units[:, None, 0])
    weights = shared / np.maximum(shared.sum(axis=1, keepdims=True), 1)
    mean: NDArray[np.float32] = (weights @ states).astype(np.float32)
    return mean


def questions(
    titles: Sequence[ReadTitle],
    asked: Sequence[Sequence[str]],
    place: Mapping[str, int],
    names: Mapping[str, NDArray[np.float32]],
) -> Questions:
    """Pad n titles and what each is asked. `place`: attribute -> row of its own vector; `names`: its embedding."""
    n = len(titles)
    longest = max(1, *(len(one.title.units) for one in titles))
    widest = max(1, *(len(each) for each in asked))
    states = np.zeros((n, longest, ENCODER), dtype=np.float32)
    letters = np.zeros((n, longest, UNIT_LETTERS), dtype=np.int64)
    present = np.zeros((n, longest * REACH), dtype=np.bool_)
    labels = np.full((n, widest), -1, dtype=np.int64)
    embedded = np.zeros((n, widest, ENCODER), dtype=np.float32)
    where: list[int] = []
    what: list[tuple[float, float, float]] = []
    for row, (one, each) in enumerate(zip(titles, asked, strict=True)):
        count = len(one.title.units)
        states[row, :count], letters[row, :count] = one.states, one.letters
        present[row, list(one.title.candidates)] = True
        column = {name: at for at, name in enumerate(each)}
        for name, at in column.items():
            labels[row, at], embedded[row, at] = place.get(name, -1), names[name]
        for candidate, by_name in one.known.items():
            for name in by_name.keys() & column.keys():
                where.append((row * widest + column[name]) * longest * REACH + candidate)
                what.append(by_name[name])
    return Questions(
        states=torch.from_numpy(states),
        letters=torch.from_numpy(letters),
        counts=torch.tensor([len(one.title.units) for one in titles]),
        present=torch.from_numpy(present),
        labels=torch.from_numpy(labels),
        names=torch.from_numpy(embedded),
        known_where=torch.tensor(where, dtype=torch.int64),
        known_what=torch.tensor(what, dtype=torch.float32).view(-1, FEATURES),
    )


def _letters(title: Title) -> NDArray[np.int64]:
    found = np.zeros((len(title.units), UNIT_LETTERS), dtype=np.int64)
    for unit, (start, end) in enumerate(title.units.tolist()):
        codes = [min(ord(sign), LETTERS - 1) + 1 for sign in title.text[start : min(end, start + UNIT_LETTERS)]]
        found[unit, : len(codes)] = codes
    return found
