"""Curves of confidence: what they promise of an answer, and when one is worth having."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.evaluate.metrics import Cases, calibration_error, group_calibration_error, honest_error, value
from models.spans.confidence import Curve as SpanCurve
from models.text.confidence import Curve, calibrated, curves_of
from models.train.confidence import fit_curve
from models.train.encoder_artifact import least_share
from models.train.recalibrate import beside

HARD = Curve(2.3, 0.6, 1.3)  # lowers what is near 1


def shares(n: int = 2000, labels: int = 6, *, scale: float = 3.0) -> NDArray[np.float32]:
    values = np.random.default_rng(5).normal(size=(n, labels)) * scale
    exponential = np.exp(values - values.max(axis=1, keepdims=True))
    return (exponential / exponential.sum(axis=1, keepdims=True)).astype(np.float32)


def drawn(chances: NDArray[np.float64], best: NDArray[np.int64], labels: int) -> NDArray[np.float32]:
    """(n, labels) one row each: the best label with its chance, else the one after it."""
    right = np.random.default_rng(6).random(len(chances)) < chances
    return np.eye(labels, dtype=np.float32)[np.where(right, best, (best + 1) % labels)]


@pytest.mark.parametrize("curve", [HARD, Curve(0.2, 0.1, -4.0), Curve(1.0, 1.0, 0.0), Curve(4.0, 0.0, 3.0)])
def test_the_likeliest_label_stays_the_likeliest_and_rows_sum_to_one(curve: Curve) -> None:
    given = torch.from_numpy(np.concatenate([shares(), shares(scale=0.01), shares(scale=40)]))
    found = curve.bend(given)
    assert torch.equal(found.argmax(dim=1), given.argmax(dim=1))
    assert torch.allclose(found.sum(dim=1), torch.ones(len(given)), atol=1e-4)
    assert (found >= 0).all()


def test_the_others_keep_their_proportions() -> None:
    given = torch.tensor([[0.8, 0.15, 0.05]])
    found = HARD.bend(given)
    assert float(found[0, 0]) == pytest.approx(float(HARD.chance(torch.tensor(0.8))), rel=1e-5)
    assert float(found[0, 1] / found[0, 2]) == pytest.approx(3.0, rel=1e-4)


def test_a_curve_that_falls_is_refused() -> None:
    with pytest.raises(ValueError, match="must not fall"):
        Curve(-0.1, 1.0, 0.0)
    with pytest.raises(ValueError, match="must rise"):
        SpanCurve(1.0, 0.0, 0.0, 0.0)


def test_one_label_or_no_row_is_left_as_it_is() -> None:
    assert torch.equal(HARD.bend(torch.ones(3, 1)), torch.ones(3, 1))
    assert HARD.bend(torch.zeros(0, 4)).shape == (0, 4)


def test_without_a_curve_the_temperature_alone_counts() -> None:
    logs = torch.log(torch.from_numpy(shares()))
    assert torch.allclose(calibrated(logs, 2.0), torch.softmax(logs / 2, dim=1))
    assert curves_of({}) == {}
    assert curves_of({"curves": {"a": [1, 2, 3]}}) == {"a": Curve(1.0, 2.0, 3.0)}


def test_a_curve_is_found_where_confidence_is_bent() -> None:
    given = shares()
    best, top = given.argmax(axis=1), given.max(axis=1).astype(np.float64)
    true = HARD.chance(torch.from_numpy(top)).numpy()
    found = fit_curve(given, drawn(true, best, given.shape[1]))
    assert found is not None
    assert np.abs(found.chance(torch.from_numpy(top)).numpy() - true).mean() < 0.03


def test_no_curve_is_kept_where_confidence_is_honest_or_titles_are_few() -> None:
    given = shares()
    counts = drawn(given.max(axis=1).astype(np.float64), given.argmax(axis=1), given.shape[1])
    assert fit_curve(given, counts) is None
    assert fit_curve(given[:20], counts[:20]) is None


def test_a_title_with_many_rows_counts_once() -> None:
    given = shares()
    true = HARD.chance(torch.from_numpy(given.max(axis=1).astype(np.float64))).numpy()
    counts = drawn(true, given.argmax(axis=1), given.shape[1])
    many = counts.copy()
    many[0] *= 5000
    assert fit_curve(given, many) == fit_curve(given, counts)


def test_the_least_share_that_cannot_be_told_from_the_best_is_taken() -> None:
    random = np.random.default_rng(8)
    logs = np.log(shares(400))
    counts = np.eye(6, dtype=np.float32)[(np.exp(logs).cumsum(axis=1) > random.random((400, 1))).argmax(axis=1)]
    # Noise of its own makes 0.5 as good as 0.65 by chance; 0.2 knows nothing.
    same = logs + random.normal(size=logs.shape).astype(np.float32) * 1e-3
    by_share = {0.2: np.zeros_like(logs), 0.5: same.astype(np.float32), 0.65: logs.astype(np.float32)}
    assert least_share(by_share, counts) == 0.5
    assert least_share({share: by_share[share] for share in (0.2, 0.65)}, counts) == 0.65


def test_one_large_group_does_not_carry_the_error_of_groups() -> None:
    truth = np.zeros(1009, dtype=np.int64)
    groups = np.concatenate([np.zeros(1000, dtype=np.int64), np.arange(1, 10)])
    confidence = np.where(groups == 0, 0.4, 1.0).astype(np.float32)
    given = Cases(truth, truth, confidence, groups)
    assert value(calibration_error, given) == pytest.approx(0.6 * 1000 / 1009)
    assert value(group_calibration_error, given) == pytest.approx(0.6 / 10)


def test_exact_confidences_show_an_error_where_cases_are_few() -> None:
    random = np.random.default_rng(9)

    def exact(count: int) -> tuple[float, float, float]:
        confidence = random.uniform(0.3, 1, count).astype(np.float32)
        right = (random.random(count) < confidence).astype(np.int64)
        return honest_error(Cases(np.ones(count, dtype=np.int64), right, confidence, np.arange(count)))

    few, many = exact(100), exact(20_000)
    assert few[0] > 0.05 > 0.02 > many[0]
    assert few[1] < few[0] < few[2]


def test_figures_keep_the_baselines_that_are_not_measured_again() -> None:
    row = {"set": "a", "task": "b", "metric": "ECE", "value": 0.1}
    old = [{**row, "baselines": {"linear": 0.2, "fast tier alone": 0.3}}]
    new = [{**row, "value": 0.05, "baselines": {"fast tier alone": 0.1}}, {**row, "metric": "other", "baselines": {}}]
    first, second = beside(new, old)
    assert first == {**row, "value": 0.05, "baselines": {"linear": 0.2, "fast tier alone": 0.1}}
    assert second["baselines"] == {}
