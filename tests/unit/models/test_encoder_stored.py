"""Weights in one byte a number: close to what was given, whatever their size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.encoder.stored import STEPS, restored, rounded


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 9)), elements=st.floats(-64, 64, width=32))
)
def test_a_matrix_comes_back_to_within_half_a_step_of_its_row(matrix: np.ndarray) -> None:
    stored = rounded({"w": matrix})
    assert stored["w"].dtype == np.int8
    step = np.maximum(np.abs(matrix).max(axis=1, keepdims=True) / STEPS, 2e-7)
    # Half a step, and what the half-precision scale is off at the ends of the row; below 6e-5 it has fixed digits.
    scale_off = np.maximum(step / 1024, 2.0**-24)
    assert (np.abs(restored(stored)["w"] - matrix) <= 0.51 * step + STEPS * scale_off).all()


def test_what_is_no_matrix_stays_in_half_precision() -> None:
    bias = np.array([0.25, -3.5], np.float32)
    stored = rounded({"b": bias})
    assert stored["b"].dtype == np.float16
    np.testing.assert_array_equal(restored(stored)["b"], bias)


def test_a_matrix_without_its_scale_is_an_error() -> None:
    stored = rounded({"w": np.ones((2, 3), np.float32)})
    with pytest.raises(KeyError, match="w/scale"):
        restored({"w": stored["w"]})
