"""Metrics of rare events: as others compute them, and defined where there is nothing to count."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from models.evaluate.chances import average_precision, best_threshold, chances, log_loss, precision, recall
from models.evaluate.metrics import Cases, calibration_error, value

EVENTS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])), min_size=1, max_size=40)


def cases(events: list[tuple[bool, float]]) -> Cases:
    happened, chance = zip(*events, strict=True)
    return chances(np.array(happened), np.array(chance, np.float32), np.arange(len(events)))


@given(EVENTS)
def test_average_precision_is_that_of_scikit_learn(events: list[tuple[bool, float]]) -> None:
    given_ = cases(events)
    if given_.truth.any():
        expected = average_precision_score(given_.truth, given_.confidence)
        np.testing.assert_allclose(value(average_precision, given_), expected, rtol=1e-6)
    else:
        assert np.isnan(value(average_precision, given_))


@given(EVENTS)
def test_a_weight_of_two_counts_as_the_case_twice(events: list[tuple[bool, float]]) -> None:
    once, twice = cases(events), cases(events + events)
    for metric in (average_precision, log_loss, calibration_error):
        np.testing.assert_allclose(metric(once, np.full(len(once), 2.0)), value(metric, twice), rtol=1e-6)


def test_precision_and_recall_at_a_threshold() -> None:
    given_ = cases([(True, 0.9), (False, 0.8), (True, 0.3), (False, 0.1)])
    assert value(precision(0.8), given_) == 0.5
    assert value(recall(0.8), given_) == 0.5
    assert np.isnan(value(precision(0.95), given_))
    assert abs(best_threshold(given_) - 0.3) < 1e-6


def test_a_chance_that_is_always_right_on_average_has_no_calibration_error() -> None:
    assert value(calibration_error, cases([(True, 0.5), (False, 0.5)])) == 0
