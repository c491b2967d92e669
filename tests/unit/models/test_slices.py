"""Slices count the right rows, their intervals are those of the metrics, and the alarm names what falls behind."""

from __future__ import annotations

import numpy as np
import pytest

from models.data.titles import LabelledTitles
from models.evaluate.metrics import Cases, accuracy, interval
from models.evaluate.slices import Traits, gap_line, gaps, script, slices, traits
from tests.unit.models.explaining import groceries


def titles(rows: list[tuple[str, str]], domain: str = "fashion") -> LabelledTitles:
    given, labels = [list(column) for column in zip(*rows, strict=True)]
    return LabelledTitles(
        domain, given, [title.lower() for title in given], np.full(len(rows), 2, np.int8), {"kind": labels}, "kind"
    )


def test_each_trait_is_what_its_name_says() -> None:
    taught = titles([("Puma Red Shirt", "shirt")] * 30 + [("Nike Shoe", "shoe")])
    asked = titles([("Puma Shirt", "shirt"), ("Acme Big Blue Rain Boot", "boot"), ("鞋子 红色", "shoe"), ("9", "")])
    prices = {"puma red shirt": 10.0, "nike shoe": 30.0, "puma shirt": 5.0, "鞋子 红色": 50.0}
    found = traits(taught, asked, prices).of
    assert found == {
        "title length": ["1-3 words", "4-5 words", "1-3 words", "1-3 words"],
        "script": ["latin", "latin", "cjk", ""],
        "price band": ["cheapest quarter", "", "dearest quarter", ""],
        "brand": ["seen", "unseen", "unseen", "unseen"],
        "category rarity": ["20-99 training rows", "0-19 training rows", "0-19 training rows", ""],
    }
    assert traits(taught, asked, {}).of["price band"] == [""] * 4
    assert set(traits(groceries(), groceries(), {}).of["brand"]) == {""}


def test_the_script_is_that_of_most_letters() -> None:
    assert [script(text) for text in ("Puma 鞋", "鞋子 a", "नमस्ते", "42 %", "")] == [
        "latin",
        "cjk",
        "devanagari",
        "",
        "",
    ]


def behind() -> tuple[Cases, Traits]:
    """600 products in two rows each; those of a new brand are right in 6 of 10 cases, the others in 9 of 10."""
    random = np.random.default_rng(2)
    groups = np.repeat(np.arange(600), 2)
    new = (np.arange(600) % 4 == 0)[groups]
    right = random.random(1200) < np.where(new, 0.6, 0.9)
    cases = Cases(np.zeros(1200, np.int64), np.where(right, 0, 1), np.full(1200, 0.8, np.float32), groups)
    few = (np.arange(1200) < 20).tolist()
    return cases, Traits(
        {"brand": ["unseen" if each else "seen" for each in new], "few": ["few" if each else "" for each in few]}
    )


def test_a_slice_has_the_accuracy_and_interval_of_its_rows_alone() -> None:
    cases, given = behind()
    found = {each["slice"]: each for each in slices(cases, np.arange(1200), given, {"set": "s", "task": "t"})}
    assert set(found) == {"seen", "unseen", "few"}
    for name, kind in (("seen", "brand"), ("unseen", "brand")):
        inside = np.array(given.of[kind]) == name
        _, groups = np.unique(cases.groups[inside], return_inverse=True)
        own = Cases(cases.truth[inside], cases.predicted[inside], cases.confidence[inside], groups)
        assert found[name]["n"] == inside.sum()
        assert found[name]["groups"] == groups.max() + 1
        assert found[name]["accuracy"] == pytest.approx(accuracy(own, np.ones(len(own))), abs=1e-4)
        low, high = interval(accuracy, own, seed=9)
        assert found[name]["low"] == pytest.approx(low, abs=0.25 * (high - low))
        assert found[name]["high"] == pytest.approx(high, abs=0.25 * (high - low))


def test_a_slice_of_some_rows_only_is_cut_from_the_right_rows() -> None:
    cases, given = behind()
    odd = np.arange(1, 1200, 2)
    half = Cases(cases.truth[odd], cases.predicted[odd], cases.confidence[odd], cases.groups[odd])
    found = {each["slice"]: each for each in slices(half, odd, given, {})}
    inside = np.array(given.of["brand"])[odd] == "unseen"
    right = (half.truth == half.predicted)[inside].mean()
    assert found["unseen"]["accuracy"] == pytest.approx(right, abs=1e-4)


def test_the_alarm_names_the_slice_that_falls_behind_and_no_other() -> None:
    cases, given = behind()
    found = slices(cases, np.arange(1200), given, {"set": "fashion", "task": "kind"})
    named = gaps(found, 0.05)
    assert [(each["kind"], each["slice"]) for each in named] == [("brand", "unseen")]
    assert named[0]["gap"] == pytest.approx(named[0]["whole"] - named[0]["accuracy"], abs=1e-4)
    assert gap_line(named[0]).startswith("fashion kind, brand unseen: accuracy 0.")
    assert gaps(found, 0.3) == []


def test_no_alarm_rests_on_a_handful_of_products() -> None:
    cases, given = behind()
    wrong = np.where(np.arange(1200) < 20, 1, cases.predicted)  # every one of ten products
    worst = Cases(cases.truth, wrong, cases.confidence, cases.groups)
    found = {each["slice"]: each for each in slices(worst, np.arange(1200), given, {"set": "s", "task": "t"})}
    assert found["few"]["accuracy"] == 0
    assert "few" not in [each["slice"] for each in gaps(list(found.values()))]
