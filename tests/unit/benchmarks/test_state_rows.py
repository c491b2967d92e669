"""Rows and users of the growth benchmark: rows that the job reads, draws that are as they are called."""

import numpy as np
import pytest

from benchmarks.state_rows import REFERENCE_ROW, Draw, drawn_users, keyed, reference_rows
from schemas.state import ROW_FORMAT, model_key

USERS, EVENTS = 10_000, 200_000


def test_rows_of_the_reference_job_are_its_own_and_count_no_event() -> None:
    rows = np.frombuffer(b"".join(reference_rows()), REFERENCE_ROW)
    assert set(rows["format"]) == {ROW_FORMAT}
    assert set(rows["model"]) == {model_key("reference", "1")}
    assert set(rows["offset"]) == {-1}
    assert np.abs(rows["halves"]["h"].astype(float)).max() <= 1
    assert len(np.unique(rows["halves"]["h"], axis=0)) == len(rows)


def test_every_user_has_one_row() -> None:
    pairs = list(keyed([b"a", b"b"], 5))
    assert pairs == [(b"user-0", b"a"), (b"user-1", b"b"), (b"user-2", b"a"), (b"user-3", b"b"), (b"user-4", b"a")]


@pytest.mark.parametrize(("draw", "share"), [("uniform", 0.01), ("zipf", 0.53)])
def test_the_busiest_hundredth_of_the_users_has_its_share_of_the_events(draw: Draw, share: float) -> None:
    counts = np.bincount(drawn_users(USERS, EVENTS, draw), minlength=USERS)
    busiest = np.sort(counts)[-USERS // 100 :].sum() / EVENTS
    assert len(counts) == USERS
    assert busiest == pytest.approx(share, abs=0.03)


def test_a_busy_user_may_be_anywhere() -> None:
    counts = np.bincount(drawn_users(USERS, EVENTS, "zipf"), minlength=USERS)
    busiest = np.argsort(counts)[-100:]
    assert 0.3 * USERS < np.median(busiest) < 0.7 * USERS
