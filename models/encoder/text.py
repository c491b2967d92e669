"""Texts through a pretrained encoder: batches of like length, so that little is padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from models.encoder import e5, minilm
from models.encoder.bert import Bert, pooled

Name = Literal["minilm", "e5"]
TOKENS_AT_ONCE = 4096  # of a batch, padding included
SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")  # no text of Unicode: the tokenizer refuses it
CHARACTERS = 4096  # of a text that are read: more than TOKENS of any language, and a bound on tokenising


class TextEncoder:
    """An encoder with its tokenizer, on one device. Any text has an answer; what is beyond 256 tokens is not read."""

    def __init__(self, bert: Bert, tokenizer: Tokenizer, device: str = "cpu") -> None:
        self.bert = bert.to(device).eval()
        self.tokenizer = tokenizer
        self.device = torch.device(device)

    @property
    def width(self) -> int:
        """Numbers of an embedding."""
        return self.bert.shape.width

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Mean-pooled states of unit length: (n, width) float32."""
        answer = np.zeros((len(texts), self.width), dtype=np.float32)
        with torch.inference_mode():
            for rows, ids, mask in self.batches(texts):
                found = pooled(self.bert(ids, mask), mask)
                answer[rows] = torch.nn.functional.normalize(found, dim=1).cpu().numpy()
        return answer

    def hidden(self, texts: Sequence[str]) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
        """States of every token: (n, l, width) float32, which are there (n, l) bool, and the characters that each
        stands for, first and one past the last, (n, l, 2); (0, 0) for the marks at both ends."""
        encoded = self._encoded(texts)
        ids, mask = self._padded(encoded)
        offsets = np.zeros((*ids.shape, 2), dtype=np.int64)
        for row, one in enumerate(encoded):
            offsets[row, : len(one.offsets)] = one.offsets
        with torch.inference_mode():
            return self.bert(ids, mask), mask, offsets

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, the marks at both ends included."""
        return [one.ids for one in self._encoded(texts)]

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.int64], Tensor, Tensor]]:
        """Row numbers (m,), token ids (m, l) int64 and mask (m, l) bool, shortest texts first."""
        encoded = self._encoded(texts)
        lengths = np.array([len(one.ids) for one in encoded], dtype=np.int64)
        order = np.argsort(lengths, kind="stable")
        first = 0
        while first < len(order):
            last = first + 1
            while last < len(order) and (last + 1 - first) * lengths[order[last]] <= TOKENS_AT_ONCE:
                last += 1
            rows = order[first:last]
            yield rows, *self._padded([encoded[row] for row in rows])
            first = last

    def _encoded(self, texts: Sequence[str]) -> list[Encoding]:
        readable = [text[:CHARACTERS].translate(SURROGATES) for text in texts]
        found: list[Encoding] = self.tokenizer.encode_batch(readable)
        return found

    def _padded(self, encoded: Sequence[Encoding]) -> tuple[Tensor, Tensor]:
        length = max((len(one.ids) for one in encoded), default=1)
        ids = np.zeros((len(encoded), length), dtype=np.int64)
        mask = np.zeros((len(encoded), length), dtype=np.bool_)
        for row, one in enumerate(encoded):
            ids[row, : len(one.ids)] = one.ids
            mask[row, : len(one.ids)] = True
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device)


def load_encoder(name: Name, device: str = "cpu") -> TextEncoder:
    """all-MiniLM-L6-v2 ("minilm", English) or multilingual-e5-small ("e5"). Errors: ArtifactError."""
    bert, tokenizer = (minilm if name == "minilm" else e5).load()
    return TextEncoder(bert, tokenizer, device)


def frozen_encoder(name: Name, device: str = "cpu", tokens: int | None = None) -> TextEncoder:
    """As `load_encoder`, with weights that all who ask for them share, and that nobody may train or adapt.

    `tokens` of a text are read; None: as many as the encoder was trained with. Errors: ArtifactError.
    """
    shared = _frozen(name, device)
    if tokens is None:
        return shared
    tokenizer = Tokenizer.from_str(shared.tokenizer.to_str())
    tokenizer.enable_truncation(tokens)
    return TextEncoder(shared.bert, tokenizer, device)


@cache
def _frozen(name: Name, device: str) -> TextEncoder:
    encoder = load_encoder(name, device)
    encoder.bert.requires_grad_(False)
    return encoder
