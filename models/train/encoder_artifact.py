"""From the fitted encoder tower to its artifact: rounded, joined to the fast tier's vote, calibrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.data.splits import TRAIN, VALIDATION
from models.data.titles import LabelledTitles
from models.encoder.member import EncoderMember, encoder_member, pack
from models.encoder.network import EncoderNetwork
from models.registry import Artifact, Manifest, content_version, save
from models.text.committee import DOMAIN, Member, mean_log_probabilities
from models.text.layout import Layout
from models.text.ngrams import ngrams
from models.text.predictor import TOWER, ProductPredictor
from models.train.confidence import FORM, Calibration, calibrate
from models.train.encoder_fit import EncoderRecipe, Tokens, encoder_logits
from models.train.temperature import temperature
from models.train.title_examples import Examples, examples
from models.train.title_fit import logits

VOTES = (0.2, 0.35, 0.5, 0.65, 0.8)  # the encoder's shares that are tried for each head


@dataclass(frozen=True, slots=True)
class Joined:
    """How the encoder and the fast tier answer together."""

    votes: dict[str, float]  # the encoder's share, by head
    calibration: Calibration

    def inputs(self) -> dict[str, Any]:
        """What a manifest holds of it."""
        return {
            "votes": self.votes,
            "temperatures": self.calibration.temperatures,
            "curves": self.calibration.curves,
        }


def store_encoder(
    network: EncoderNetwork,
    recipe: EncoderRecipe,
    sets: Sequence[LabelledTitles],
    fast: ProductPredictor,
    output: Path,
    *,
    name: str,
    seed: int,
    errors: Sequence[float],
) -> Manifest:
    """Write the tower of a fast tier. Votes and calibration are what suits the rounded weights on bucket 9."""
    tensors = pack(network)
    inputs = {"encoder": recipe.encoder, "alpha": recipe.alpha, "hidden": recipe.hidden}
    draft = Manifest(name=name, version=content_version(tensors, FORM), kind=TOWER, inputs=inputs)
    stored = encoder_member(Artifact(output, draft, tensors), fast.layout)
    validation = examples([part.where([VALIDATION]) for part in sets], fast.layout)
    joined = join(stored, fast.members, validation, fast.layout)
    manifest = Manifest(
        name=name,
        version=draft.version,
        kind=TOWER,
        inputs=inputs | joined.inputs() | {"fast_tier": fast.info.version},
        labels={head.key: len(head.labels) for head in fast.layout.heads()},
        training={
            "recipe": asdict(recipe),
            "seed": seed,
            "validation_errors": [round(error, 5) for error in errors],
            "fitted_buckets": list(TRAIN),
            "calibrated_on_bucket": VALIDATION,
            "data": {part.domain: part.fingerprint() for part in sets},
        },
    )
    return save(output, manifest, tensors)


def join(tower: EncoderMember, fast: Sequence[Member], given: Examples, layout: Layout) -> Joined:
    """Shares, and the calibration of both together, from the validation titles."""
    features = ngrams(given.titles)
    each = [logits(one.network, one.vocabulary.bags(features), given, layout) for one in fast]
    each.append(encoder_logits(tower.network, Tokens(tower.encoder, given.titles), given, layout))
    counts = {**given.counts, DOMAIN: np.eye(len(layout.domains), dtype=np.float32)[given.domains]}

    votes, mixed = {}, {}
    for key in each[0]:
        by_vote = {vote: _mixed([one[key] for one in each], fast, vote) for vote in VOTES}
        votes[key] = least_share({vote: values.numpy() for vote, values in by_vote.items()}, counts[key])
        mixed[key] = by_vote[votes[key]]
    return Joined(votes, calibrate(mixed, given))


def least_share(mixed: Mapping[float, NDArray[np.float32]], counts: NDArray[np.float32]) -> float:
    """Of the encoder's shares, the least that the held-out titles cannot tell from the best: its log loss, each share
    at its own temperature, is within a standard error of the best one's (Breiman et al. 1984, section 3.4.3).

    By likelihood, not by errors: the validation titles of a head are too few to tell shares apart by those. The least,
    for the encoder knows rare labels worse than the n-grams do, and of those the likelihood of all rows says little.
    Shapes: (n, labels) logarithms of probabilities by share, (n, labels) counts of rows with each label.
    """
    losses = {share: _losses(values, counts) for share, values in mixed.items()}  # (n,) each, summed over the rows
    best = min(losses, key=lambda share: float(losses[share].sum()))
    rows = counts.sum(axis=1)
    for share in sorted(losses):
        worse = losses[share] - losses[best]
        mean = worse.sum() / max(1.0, float(rows.sum()))
        # Rows of one title are alike: the error is that of a sum over titles.
        if worse.sum() <= np.sqrt(np.square(worse - mean * rows).sum()):
            return share
    return best


def _losses(values: NDArray[np.float32], counts: NDArray[np.float32]) -> NDArray[np.float64]:
    scaled = torch.from_numpy(values).double() / temperature(values, counts)
    losses: NDArray[np.float64] = -(torch.from_numpy(counts) * torch.log_softmax(scaled, dim=1)).sum(dim=1).numpy()
    return losses


def _mixed(logits_: Sequence[Tensor], fast: Sequence[Member], vote: float) -> Tensor:
    return mean_log_probabilities(logits_, [*(one.vote * (1 - vote) for one in fast), vote])
