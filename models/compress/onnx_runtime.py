"""Answers from ONNX files by onnxruntime, on one thread: the same as those of torch, up to the rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.encoder import TextEncoder
from models.errors import ArtifactError
from models.text.bags import Bags, Vocabulary
from models.text.committee import DOMAIN, mean_log_probabilities
from models.text.confidence import Curve, calibrated
from models.text.layout import Layout
from models.text.ngrams import ngrams

Floats = NDArray[np.float32]
_CHUNK = 512  # texts per pass


class OnnxCommittee:
    """The title networks of one artifact; answers as models.text.committee.Committee does, for all domains."""

    def __init__(
        self,
        layout: Layout,
        members: Sequence[tuple[Path, Vocabulary, float]],
        temperatures: Mapping[str, float],
        curves: Mapping[str, Curve] | None = None,
    ) -> None:
        """`members`: file, vocabulary and vote of each."""
        self.layout = layout
        self._members = [(_session(file), vocabulary, vote) for file, vocabulary, vote in members]
        self._temperatures = dict(temperatures)
        self._curves = dict(curves or {})

    def probabilities(self, texts: Sequence[str]) -> dict[str, Floats]:
        """Calibrated probabilities by key: DOMAIN (n, d), and each head (n, labels) given its domain."""
        parts = [self._chunk(texts[first : first + _CHUNK]) for first in range(0, len(texts), _CHUNK)]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _chunk(self, texts: Sequence[str]) -> dict[str, Floats]:
        features = ngrams(texts)
        answers = []
        for session, vocabulary, _ in self._members:
            bags = vocabulary.bags(features)
            rows, counts = padded(bags, len(vocabulary))
            answers.append(session.run(None, {"rows": rows, "counts": counts}))
        votes = [vote for *_, vote in self._members]
        found = {}
        for place, key in enumerate([DOMAIN, *(head.key for head in self.layout.heads())]):
            mean = mean_log_probabilities([torch.from_numpy(each[place]) for each in answers], votes)
            found[key] = calibrated(mean, self._temperatures[key], self._curves.get(key)).numpy()
        return found


class OnnxEncoder:
    """An encoder's file with the tokenizer of the encoder that it was made from."""

    def __init__(self, file: Path, encoder: TextEncoder) -> None:
        self._session, self._encoder = _session(file), encoder

    def embed(self, texts: Sequence[str]) -> Floats:
        """Mean-pooled states of unit length: (n, width) float32."""
        answer = np.zeros((len(texts), self._encoder.width), dtype=np.float32)
        for rows, ids, mask in self._encoder.batches(texts):
            answer[rows] = self._session.run(None, {"ids": ids.numpy(), "mask": mask.numpy()})[0]
        return answer


def padded(bags: Bags, padding: int) -> tuple[NDArray[np.int64], Floats]:
    """n bags -> (n, l) rows, `padding` where a bag has no more, and (n,) rows of each; l is at least 1."""
    counts = np.diff(bags.offsets)
    table = np.full((len(bags), max(1, int(counts.max(initial=0)))), padding, dtype=np.int64)
    table[np.arange(table.shape[1]) < counts[:, None]] = bags.rows
    return table, counts.astype(np.float32)


def _session(file: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ArtifactError(f"{file} needs onnxruntime ({error}); install shelfstream[onnx]") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
