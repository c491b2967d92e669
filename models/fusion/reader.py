"""From columns to what the fused network reads: the frozen encoders run here, once per batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.encoder import frozen_encoder
from models.encoder.text import CHARACTERS, SURROGATES
from models.fusion.columns import GoodsColumns
from models.fusion.network import Inputs
from models.fusion.numbers import numbers
from models.fusion.words import Words
from models.image.efficientnet import WIDTH
from models.image.features import PictureFeatures

TOKENS = 128  # of name and description that the encoder reads: half of its limit, in half of the time
PIECES = 24  # word pieces of a name that the BiLSTM reads; longer names are one in fifty


@dataclass(frozen=True, slots=True)
class Vectors:
    """What the frozen networks make of n products: the slow part, which training keeps."""

    names: NDArray[np.float32]  # (n, 384)
    texts: NDArray[np.float32]  # (n, 384) of name and description; that of the name where there is no description
    pictures: NDArray[np.float32]  # (n, 1280) zeros where there is none


class GoodsReader:
    """The frozen encoders, on one device. Errors: ArtifactError when their packages are missing."""

    def __init__(self, device: str = "cpu") -> None:
        self._encoder = frozen_encoder("minilm", device, TOKENS)
        self._pieces = self._encoder.bert.words.weight.detach().cpu()
        self._device = device
        self._pictures: PictureFeatures | None = None  # loaded with the first picture: many products have none

    def vectors(self, goods: GoodsColumns) -> Vectors:
        """The frozen networks' vectors."""
        names = self._encoder.embed(goods.names)
        texts = names.copy()
        told = [row for row, text in enumerate(goods.descriptions or []) if text]
        if told:
            descriptions = goods.descriptions or []
            texts[told] = self._encoder.embed([f"{goods.names[row]}. {descriptions[row]}" for row in told])
        return Vectors(names, texts, self._of_pictures(goods))

    def inputs(self, goods: GoodsColumns, words: Words, vectors: Vectors | None = None) -> Inputs:
        """Everything the network reads; `vectors` where they are known already."""
        known = vectors or self.vectors(goods)
        pieces, lengths = self._of_names(goods.names)
        tabular = numbers(goods)
        there = np.stack(
            [
                np.array([bool(name.strip()) for name in goods.names]),
                np.array([picture is not None for picture in goods.pictures or [None] * len(goods.names)]),
                tabular[:, [1, 3]].any(axis=1),  # without a price, only lengths are left, which tell nothing alone
            ],
            axis=1,
        )
        return Inputs(
            words.weigh(goods.names).beside(words.weigh(texts_of(goods))),  # a word of the name counts twice
            torch.from_numpy(np.concatenate([known.names, known.texts], axis=1)),
            pieces,
            lengths,
            torch.from_numpy(known.pictures),
            torch.from_numpy(tabular),
            torch.from_numpy(there),
        )

    def _of_pictures(self, goods: GoodsColumns) -> NDArray[np.float32]:
        pictures = goods.pictures or [None] * len(goods.names)
        if all(picture is None for picture in pictures):
            return np.zeros((len(pictures), WIDTH), dtype=np.float32)
        if self._pictures is None:
            self._pictures = PictureFeatures(self._device)
        return self._pictures.embed(pictures)

    def _of_names(self, names: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, PIECES, 384) vectors of the word pieces, zeros past the end, and (n,) how many there are."""
        pieces = torch.zeros(len(names), PIECES, self._pieces.shape[1])
        lengths = torch.zeros(len(names), dtype=torch.int64)
        for row, name in enumerate(names):
            readable = name[:CHARACTERS].translate(SURROGATES)
            ids = self._encoder.tokenizer.encode(readable, add_special_tokens=False).ids[:PIECES]
            pieces[row, : len(ids)] = self._pieces[ids]
            lengths[row] = len(ids)
        return pieces, lengths


def texts_of(goods: GoodsColumns) -> list[str]:
    """Name and description as one text: what the known words are looked for in."""
    descriptions = goods.descriptions or [None] * len(goods.names)
    return [f"{name} {text or ''}" for name, text in zip(goods.names, descriptions, strict=True)]
