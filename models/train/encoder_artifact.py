"""From the fitted encoder tower to its artifact: rounded, joined to the fast tier's vote, calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

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
from models.train.temperature import temperature
from models.train.title_examples import Examples, examples
from models.train.title_fit import logits

VOTES = (0.3, 0.4, 0.5, 0.6, 0.7)  # the encoder's share that is best on the validation titles is taken


@dataclass(frozen=True, slots=True)
class Joined:
    """How the encoder and the fast tier answer together."""

    vote: float
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
    stored = encoder_member(Artifact(output, draft, tensors), fast.layout, 1.0)
    validation = examples([part.where([VALIDATION]) for part in sets], fast.layout)
    joined = _join(stored, fast.members, validation, fast.layout)
    manifest = Manifest(
        name=name,
        version=draft.version,
        kind=TOWER,
        inputs=inputs | {"vote": joined.vote, "temperatures": joined.temperatures, "fast_tier": fast.info.version},
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

    def together(vote: float) -> dict[str, np.ndarray]:
        votes = [*(one.vote * (1 - vote) for one in fast), vote]
        return {key: mean_log_probabilities([one[key] for one in each], votes).numpy() for key in each[0]}

    def error(found: dict[str, np.ndarray]) -> float:
        wrong = []
        for key, table in given.counts.items():
            right = table[np.arange(len(table)), found[key].argmax(axis=1)].sum()
            wrong.append(1 - right / max(1.0, float(table.sum())))
        return float(np.mean(wrong))

    vote = min(VOTES, key=lambda share: error(together(share)))
    found = together(vote)
    return Joined(vote, {key: round(temperature(values, counts[key]), 5) for key, values in found.items()})
