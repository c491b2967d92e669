"""From labelled titles to an artifact on disk: fit, round, calibrate, store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from models.data.splits import TRAIN, VALIDATION
from models.data.titles import LabelledTitles
from models.registry import Manifest, content_version, save
from models.text.committee import Member, mean_log_probabilities
from models.text.compact import member, pack
from models.text.layout import Layout
from models.text.ngrams import BITS, CHARACTER_RUNS, MAX_CODE_POINTS, ngrams
from models.text.predictor import KIND
from models.train.confidence import FORM, Calibration, calibrate
from models.train.distillation import Distillation, lessons
from models.train.options import NOWHERE, RunPlace
from models.train.seeds import one_thread
from models.train.team import Team
from models.train.title_examples import Examples, examples
from models.train.title_fit import Recipe, fit, logits
from models.train.title_layout import layout_of
from models.train.title_teacher import Teacher


def fit_artifact(
    sets: Sequence[LabelledTitles],
    output: Path,
    recipes: Sequence[Recipe],
    *,
    name: str,
    seed: int,
    place: RunPlace = NOWHERE,
    team: Team | None = None,
    teacher: Teacher | None = None,
    how: Distillation | None = None,
    progress: bool,
) -> Manifest:
    """Fit on buckets 2-8, stop and calibrate on 9, store. Measuring it is models.evaluate's job.

    Each member has folders `member-k` of its own inside the `place`. The first process of a `team` stores. A `teacher`
    is asked about the titles of buckets 2-8 only; `how` it is heeded (None = as `Distillation` has it).
    """
    taught = [part.where(TRAIN) for part in sets]
    layout = layout_of(taught)
    training = examples(taught, layout)
    validation = examples([part.where([VALIDATION]) for part in sets], layout)
    with one_thread():
        taken = None
        if teacher is not None:
            with (team or Team()).turn():  # the others find in the cache what the first has asked
                taken = lessons(training, layout, teacher, how or Distillation(), seed=seed, progress=progress)
        fitted = [
            fit(
                training,
                validation,
                layout,
                recipe,
                seed=seed,
                place=place.part(f"member-{number}"),
                team=team,
                lessons=taken,
                progress=progress,
            )
            for number, recipe in enumerate(recipes)
        ]
        tensors = pack([one.member for one in fitted])
        given = [{"size": asdict(recipe.size), "groups": recipe.groups, "vote": recipe.vote} for recipe in recipes]
        stored = [
            member(tensors, number, layout, recipe.size, recipe.groups, recipe.vote)
            for number, recipe in enumerate(recipes)
        ]
        calibration = calibration_of(stored, validation, layout)
    manifest = Manifest(
        name=name,
        version=content_version(tensors, FORM),
        kind=KIND,
        inputs={
            "columns": ["title", "brand", "description", "hint"],
            "code_points": MAX_CODE_POINTS,
            "hash_bits": BITS,
            "character_runs": list(CHARACTER_RUNS),
            "members": given,
            "temperatures": calibration.temperatures,
            "curves": calibration.curves,
        },
        labels={head.key: len(head.labels) for head in layout.heads()},
        training={
            "recipes": [asdict(recipe) for recipe in recipes],
            "seed": seed,
            "validation_errors": [[round(error, 5) for error in one.errors] for one in fitted],
            "fitted_buckets": list(TRAIN),
            "calibrated_on_bucket": VALIDATION,
            "rows": {part.domain: len(part) for part in taught},
            "data": {part.domain: part.fingerprint() for part in sets},
            **({} if taken is None else {"teacher": {"version": taken.teacher, **asdict(taken.how)}}),
        },
    )
    if team is not None and not team.first:
        return manifest
    return save(output, manifest, tensors, {"layout": layout.to_table()})


def calibration_of(members: Sequence[Member], validation: Examples, layout: Layout) -> Calibration:
    """What makes the members' answers honest together, from the validation titles."""
    features = ngrams(validation.titles)
    each = [logits(one.network, one.vocabulary.bags(features), validation, layout) for one in members]
    votes = [one.vote for one in members]
    return calibrate({key: mean_log_probabilities([one[key] for one in each], votes) for key in each[0]}, validation)
