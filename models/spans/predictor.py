"""The door for attribute values: titles and attribute names in, values with their characters out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.columns import ModelInfo
from models.encoder import TextEncoder, frozen_encoder
from models.errors import ArtifactError
from models.registry import Artifact, load, shipped
from models.spans.confidence import Curve
from models.spans.gazetteer import Gazetteer
from models.spans.network import Questions, Size, SpanNetwork
from models.spans.questions import ReadTitle, questions, read_titles
from models.spans.units import MAX_CHARACTERS, Title, read

KIND = "spans"
LEAST = 1e-4  # a candidate with less chance is far from being any title's best
AT_ONCE = 16  # titles: the grid of a batch of the longest, asked for every known attribute, then takes 50 MB


@dataclass(frozen=True, slots=True)
class Span:
    """What a title says of an attribute: `title[start:end]` is `value`.

    Where it says nothing `value` is None, both ends are 0, and `confidence` is that of its saying nothing.
    """

    attribute: str
    value: str | None
    start: int
    end: int
    confidence: float  # calibrated, 0 to 1


class SpanPredictor:
    """Answers with one artifact, on one device. An answer does not depend on the other titles of the batch."""

    def __init__(self, artifact: Artifact, encoder: TextEncoder | None = None) -> None:
        """`encoder`: MiniLM where it is loaded already. Errors: ArtifactError."""
        manifest = artifact.manifest
        try:
            self.attributes = tuple(manifest.labels["attributes"])
            self.stems = tuple(manifest.inputs["stems"])
            self._temperature = {key: float(value) for key, value in manifest.inputs["temperatures"].items()}
            curve = manifest.inputs.get("curve")  # artifacts of before there was one have none
            self._curve = None if curve is None else Curve(**curve)
            self._size = Size(**manifest.inputs["size"])
            self.networks = [
                network_of(artifact.tensors, member, self._size, len(self.attributes))
                for member in range(manifest.inputs["members"])
            ]
            self.gazetteer = Gazetteer.from_table(artifact.tables["values"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ArtifactError(f"{artifact.path} lacks what a span model needs: {error!r}; train it again") from error
        self.info = ModelInfo(manifest.name, manifest.version)
        self.encoder = encoder or frozen_encoder("minilm")
        self._place = {name: place for place, name in enumerate(self.attributes)}
        self._names = dict(zip(self.attributes, self.encoder.embed(self.attributes), strict=True))

    def run(self, titles: Sequence[str], attributes: Sequence[Sequence[str]] | None = None) -> list[list[Span]]:
        """Values of n titles, in the order given; any text is allowed, of which the first 512 characters are read.

        `attributes`: the names to ask each title for, known or not; each gets one answer, in their order. None tries
        every known attribute and gives only what was found, surest first. Errors: ValueError where the lengths differ.
        """
        if attributes is not None and len(attributes) != len(titles):
            raise ValueError(f"{len(attributes)} lists of attributes for {len(titles)} titles; give one for each title")
        asked = [self.attributes] * len(titles) if attributes is None else attributes
        self._learn_names({name for each in asked for name in each})
        answers: list[list[Span]] = []
        for first in range(0, len(titles), AT_ONCE):
            read_ = [read(text[:MAX_CHARACTERS], self.stems) for text in titles[first : first + AT_ONCE]]
            answers += self._answer(read_, asked[first : first + AT_ONCE], everything=attributes is None)
        return answers

    def _answer(self, titles: list[Title], asked: Sequence[Sequence[str]], *, everything: bool) -> list[list[Span]]:
        with torch.inference_mode():
            known = read_titles(titles, self.encoder, self.gazetteer)
            batch = questions(known, asked, self._place, self._names)
            temperature = self._temperature["all" if everything else "asked"]
            chances = mean_chances(self.networks, batch, temperature, everything=everything)
        answers = [
            [best_span(name, one, chances[row, at]) for at, name in enumerate(each)]
            for row, (one, each) in enumerate(zip(known, asked, strict=True))
        ]
        if not everything:
            return [[self._honest(span) for span in each] for each in answers]
        found = [[span for span in each if span.value is not None] for each in answers]
        return [sorted(each, key=lambda span: -span.confidence) for each in found]

    def _honest(self, span: Span) -> Span:
        if self._curve is None:
            return span
        known = self.gazetteer.knows(span.attribute, span.value)
        return replace(span, confidence=self._curve(span.confidence, known=known))

    def _learn_names(self, names: set[str]) -> None:
        new = sorted(names - self._names.keys())
        if len(self._names) + len(new) > 10_000:  # names may come from outside: what is kept has an end
            self._names = {name: self._names[name] for name in self.attributes}
            new = sorted(names - self._names.keys())
        if new:
            self._names |= zip(new, self.encoder.embed(new), strict=True)


def load_spans(path: Path | None = None, encoder: TextEncoder | None = None) -> SpanPredictor:
    """The predictor of an artifact folder; None = the one shipped in the package. Errors: ArtifactError."""
    return SpanPredictor(load(path or shipped(KIND), KIND), encoder)


def network_of(tensors: dict[str, NDArray[np.generic]], member: int, size: Size, attributes: int) -> SpanNetwork:
    """One stored network, ready to answer. Errors: KeyError, RuntimeError where tensors are not of this size."""
    prefix = f"{member}."
    network = SpanNetwork(size, attributes)
    network.load_state_dict(
        {
            name.removeprefix(prefix): torch.from_numpy(values.astype(np.float32))
            for name, values in tensors.items()
            if name.startswith(prefix)
        }
    )
    return network.eval().requires_grad_(False)


def mean_chances(
    networks: Sequence[SpanNetwork], batch: Questions, temperature: float, *, everything: bool
) -> NDArray[np.float32]:
    """(n, a, u * REACH + 1) the committee's mean probability of each candidate, and of none in the last place."""
    logits = log_chances(networks, batch, everything=everything)
    return (logits / temperature).softmax(2).numpy()


def log_chances(networks: Sequence[SpanNetwork], batch: Questions, *, everything: bool) -> Tensor:
    """The same before the temperature, as logarithms."""
    each = []
    for network in networks:
        scores, asked, tried = network(batch)
        nothing = tried if everything else asked
        each.append(torch.cat([scores, nothing.unsqueeze(2)], dim=2).log_softmax(2))
    return torch.stack(each).logsumexp(0)


def best_span(attribute: str, one: ReadTitle, chances: NDArray[np.float32]) -> Span:
    """The likeliest value, at its likeliest place; the chances of equal texts count together.

    `chances`: (u * REACH + 1,), the last that of none.
    """
    none = min(float(chances[-1]), 1.0)
    by_text: dict[str, float] = {}
    top: dict[str, int] = {}
    for place in np.flatnonzero(chances[:-1] > LEAST).tolist() if none < 0.5 else ():
        text = one.title.value(place)
        by_text[text] = by_text.get(text, 0.0) + float(chances[place])
        if text not in top or chances[place] > chances[top[text]]:
            top[text] = place
    text = max(by_text, key=by_text.__getitem__, default="")
    if not text or none >= by_text[text]:
        return Span(attribute, None, 0, 0, none)
    start, end = one.title.candidates[top[text]]
    return Span(attribute, text, start, end, min(by_text[text], 1.0))
