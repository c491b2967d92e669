"""The metrics say what their names say, on cases small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from models.evaluate.metrics import (
    Cases,
    accuracy,
    calibration_error,
    coverage,
    interval,
    macro_f1,
    rarest_third,
    value,
)
from models.train.temperature import temperature


def cases(truth: list[int], predicted: list[int], confidence: list[float], groups: list[int] | None = None) -> Cases:
    own = list(range(len(truth))) if groups is None else groups
    return Cases(np.array(truth), np.array(predicted), np.array(confidence, dtype=np.float32), np.array(own))


def test_accuracy_is_the_share_of_right_answers() -> None:
    assert value(accuracy, cases([0, 1, 2, 2], [0, 1, 1, 2], [1.0] * 4)) == 0.75


def test_macro_f1_agrees_with_scikit_learn_over_the_true_labels() -> None:
    random = np.random.default_rng(3)
    truth, predicted = random.integers(0, 9, 300), random.integers(0, 11, 300)
    expected = f1_score(truth, predicted, labels=np.unique(truth), average="macro", zero_division=0)
    found = value(macro_f1, cases(truth.tolist(), predicted.tolist(), [1.0] * 300))
    assert found == pytest.approx(expected)


def test_an_interval_of_macro_f1_holds_the_value_although_samples_miss_rare_labels() -> None:
    random = np.random.default_rng(4)
    truth = np.concatenate([np.zeros(300, dtype=int), np.arange(1, 41)])  # forty labels with a single case
    predicted = np.where(random.random(340) < 0.5, truth, 0)
    given = cases(truth.tolist(), predicted.tolist(), [1.0] * 340)
    low, high = interval(macro_f1, given)
    assert low < value(macro_f1, given) < high


def test_calibration_error_is_zero_when_confidence_is_the_share_of_right_answers() -> None:
    honest = cases([0, 0, 0, 0], [0, 0, 0, 1], [0.75] * 4)
    assert value(calibration_error, honest) == pytest.approx(0.0, abs=1e-6)
    boastful = cases([0, 0, 0, 0], [0, 0, 0, 1], [1.0] * 4)
    assert value(calibration_error, boastful) == pytest.approx(0.25)


def test_coverage_is_the_largest_share_that_may_be_answered_alone() -> None:
    right = [True] * 99 + [False] + [True] * 50 + [False] * 50  # 99 of the surest 100, then no longer
    given = cases([0] * 200, [0 if r else 1 for r in right], np.linspace(1, 0.1, 200).tolist())
    assert value(coverage, given) == pytest.approx(152 / 200)  # 149 of 152 are right, but only 149 of 153
    assert value(coverage, cases([0], [1], [0.9])) == 0.0


def test_the_rarest_third_leaves_out_classes_with_fewer_than_five_rows() -> None:
    assert rarest_third(np.array([100, 4, 5, 50, 7, 0, 90, 80])).tolist() == [2, 4]


def test_an_interval_over_groups_is_wider_than_one_over_rows() -> None:
    random = np.random.default_rng(5)
    groups = np.repeat(np.arange(40), 25)
    right = (random.random(40) < 0.7)[groups]  # a whole group is right or wrong
    truth, predicted = np.zeros(1000, dtype=int), np.where(right, 0, 1)
    by_group = interval(accuracy, cases(truth.tolist(), predicted.tolist(), [1.0] * 1000, groups.tolist()))
    by_row = interval(accuracy, cases(truth.tolist(), predicted.tolist(), [1.0] * 1000))
    assert by_group[1] - by_group[0] > 3 * (by_row[1] - by_row[0])
    assert by_group[0] < right.mean() < by_group[1]


def test_the_temperature_undoes_a_known_sharpening() -> None:
    random = np.random.default_rng(11)
    honest = random.normal(size=(20_000, 5)).astype(np.float32) * 2
    chances = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    drawn = (chances.cumsum(axis=1) > random.random((20_000, 1))).argmax(axis=1)
    counts = np.eye(5, dtype=np.float32)[drawn]
    assert temperature(honest * 3, counts) == pytest.approx(3, rel=0.03)
    assert temperature(honest, np.zeros_like(counts)) == 1.0


def test_a_metric_that_is_never_defined_has_no_interval() -> None:
    given = cases([0, 1], [0, 1], [1.0, 1.0])
    assert np.isnan(interval(lambda _, __: float("nan"), given)).all()
