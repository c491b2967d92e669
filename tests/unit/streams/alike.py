"""When two predictions are the same: all but confidences equal, and those within the 1e-5 that one by one promises."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from schemas.predictions import Risk, UserPrediction

WITHIN = 1e-5 + 1.1e-6  # confidences are rounded to six digits when they are written
LISTS = {"next_categories": ("category", "confidence"), "next_products": ("product_id", "confidence"),
         "preferred_attributes": ("value", "share")}  # fmt: skip

Output = tuple[bytes, UserPrediction | None]


def assert_alike(found: Sequence[Output], expected: Sequence[Output]) -> None:
    """The same keys, tombstones and predictions in the same order."""
    assert [(key, value and value.prediction_id) for key, value in found] == [
        (key, value and value.prediction_id) for key, value in expected
    ]
    for (_, mine), (_, theirs) in zip(found, expected, strict=True):
        if mine is not None and theirs is not None:
            assert_same_prediction(mine, theirs)


def assert_same_prediction(mine: UserPrediction, theirs: UserPrediction) -> None:
    """Equal but for confidences within the tolerance, and for the order of labels that are as likely as each other."""
    a, b = msgspec.structs.asdict(mine), msgspec.structs.asdict(theirs)
    place = f"{mine.user_id} {mine.prediction_id}"
    assert abs(a.pop("purchase_probability") - b.pop("purchase_probability")) <= WITHIN, place
    chances = [{each.value: each.probability for each in one.preferred_attributes} for one in (mine, theirs)]
    for value in chances[0].keys() & chances[1].keys():
        assert _near(chances[0][value], chances[1][value]), f"{place} {value}: {chances}"
    for name, (label, share) in LISTS.items():
        ours = [(getattr(item, label), getattr(item, share)) for item in a.pop(name)]
        others = [(getattr(item, label), getattr(item, share)) for item in b.pop(name)]
        assert len(ours) == len(others), f"{place} {name}: {ours} and {others}"
        by_label = dict(others)
        for rank, (key, value) in enumerate(ours):
            assert abs(value - others[rank][1]) <= WITHIN, f"{place} {name}: {ours} and {others}"
            # a label that is missing there is one of a tie at the end of the list
            assert abs(value - by_label.get(key, others[-1][1])) <= WITHIN, f"{place} {name}: {ours} and {others}"
    risk, other = a.pop("risk"), b.pop("risk")
    assert isinstance(risk, Risk) == isinstance(other, Risk), f"{place}: {risk} and {other}"
    if isinstance(risk, Risk) and isinstance(other, Risk):
        assert abs(risk.score - other.score) <= WITHIN, f"{place}: {risk} and {other}"
        assert risk.alarm == other.alarm, f"{place}: {risk} and {other}"
    chance, other_chance = a.pop("session_purchase_probability"), b.pop("session_purchase_probability")
    assert (chance is UNSET) == (other_chance is UNSET), place
    if chance is not UNSET:
        assert abs(chance - other_chance) <= WITHIN, place
    assert a == b, place


def _near(mine: float | UnsetType, theirs: float | UnsetType) -> bool:
    return mine is theirs or (mine is not UNSET and theirs is not UNSET and abs(mine - theirs) <= WITHIN)
