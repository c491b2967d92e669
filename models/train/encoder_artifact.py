"""From the fitted encoder tower to its artifact: rounded, joined to the fast tier's vote, calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
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
from models.train.encoder_fit import EncoderRecipe, Tokens, encoder_logits
from models.train.temperature import cross_entropy, temperature
from models.train.title_examples import Examples, examples
from models.train.title_fit import logits

VOTES = (0.2, 0.35, 0.5, 0.65, 0.8)  # the encoder's share that suits a head's validation titles best is taken


@dataclass(frozen=True, slots=True)
class Joined:
    """How the encoder and the fast tier answer together."""

    votes: dict[str, float]  # the encoder's share, by head
    temperatures: dict[str, float]


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
    """Write the tower of a fast tier. Vote and temperatures are what suits the rounded weights on bucket 9."""
    tensors = pack(network)
    inputs = {"encoder": recipe.encoder, "alpha": recipe.alpha, "hidden": recipe.hidden}
    draft = Manifest(name=name, version=content_version(tensors, "1"), kind=TOWER, inputs=inputs)
    stored = encoder_member(Artifact(output, draft, tensors), fast.layout)
    validation = examples([part.where([VALIDATION]) for part in sets], fast.layout)
    joined = _join(stored, fast.members, validation, fast.layout)
    manifest = Manifest(
        name=name,
        version=draft.version,
        kind=TOWER,
        inputs=inputs | {"votes": joined.votes, "temperatures": joined.temperatures, "fast_tier": fast.info.version},
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


def _join(tower: EncoderMember, fast: Sequence[Member], given: Examples, layout: Layout) -> Joined:
    features = ngrams(given.titles)
    each = [logits(one.network, one.vocabulary.bags(features), given, layout) for one in fast]
    each.append(encoder_logits(tower.network, Tokens(tower.encoder, given.titles), given, layout))
    counts = {**given.counts, DOMAIN: np.eye(len(layout.domains), dtype=np.float32)[given.domains]}

    votes, temperatures = {}, {}
    for key in each[0]:
        mixed = {vote: _mixed([one[key] for one in each], fast, vote) for vote in VOTES}
        # By likelihood, not by errors: the validation titles of a head are too few to tell shares apart by those.
        scaled = {vote: temperature(values, counts[key]) for vote, values in mixed.items()}
        votes[key] = min(VOTES, key=lambda vote: cross_entropy(mixed[vote], counts[key], scaled[vote]))
        temperatures[key] = round(scaled[votes[key]], 5)
    return Joined(votes, temperatures)


def _mixed(logits_: Sequence[Tensor], fast: Sequence[Member], vote: float) -> NDArray[np.float32]:
    shares = [*(one.vote * (1 - vote) for one in fast), vote]
    mixed: NDArray[np.float32] = mean_log_probabilities(logits_, shares).numpy()
    return mixed
