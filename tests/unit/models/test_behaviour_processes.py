"""Behaviour in processes of its own: a run that is killed and resumed, and two that share the lanes."""

import time
from pathlib import Path

import numpy as np
import pytest

from tests.unit.models.fitting_behaviour import SETS, train
from tests.unit.models.training_processes import PATIENCE_S, alone, ended, kill, losses, place, start, together

MODULE = "tests.unit.models.fitting_behaviour"


@pytest.mark.timeout(2 * PATIENCE_S)
@pytest.mark.parametrize("which", SETS)
def test_a_run_killed_in_mid_epoch_and_resumed_ends_with_the_weights_of_one_that_was_not(
    which: str, tmp_path: Path
) -> None:
    killed = start([*alone(MODULE), str(tmp_path / "killed"), which, "--noise", "0.2"])  # a checkpoint after each step
    try:
        while not ((now := place(tmp_path / "killed"))["errors"] and 5 < now["step"] < 20):
            assert killed.poll() is None, killed.communicate()
            time.sleep(0.002)
    finally:
        kill(killed)
    left = place(tmp_path / "killed")
    assert left["step"] > 0
    assert not left["ended"]

    undisturbed = train(tmp_path / "whole", which, noise=0.2)
    assert train(tmp_path / "killed", which, noise=0.2, resume=True) == undisturbed
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")


@pytest.mark.timeout(2 * PATIENCE_S)
def test_two_processes_that_share_the_lanes_learn_what_one_does_with_all(tmp_path: Path) -> None:
    shared = start([*together(MODULE), str(tmp_path / "two"), "grocery"])
    one, two = train(tmp_path / "one", "grocery", noise=0.0), ended(shared)
    np.testing.assert_allclose(two["errors"], one["errors"], rtol=1e-4)
    (steps, expected), (same_steps, found) = (zip(*losses(tmp_path / name), strict=True) for name in ("one", "two"))
    assert steps == same_steps
    assert len(steps) > 60
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    assert np.mean(expected[-9:]) < 0.9 * np.mean(expected[:9])
