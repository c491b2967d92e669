"""Training in processes of its own: one that is killed and resumed, and two that share the work."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import TrainingError
from models.train.checkpoint import FILE, Checkpoints
from tests.unit.models.fitting import train
from tests.unit.models.training_processes import PATIENCE_S, alone, ended, kill, losses, place, start, together

MODULE = "tests.unit.models.fitting"


@pytest.mark.timeout(2 * PATIENCE_S)
def test_a_run_killed_in_mid_epoch_and_resumed_ends_with_the_weights_of_one_that_was_not(tmp_path: Path) -> None:
    options = ["--batch", "6", "--noise", "0.2"]  # some 70 steps an epoch, a checkpoint after each
    killed = start([*alone(MODULE), str(tmp_path / "killed"), *options])
    try:
        while not ((now := place(tmp_path / "killed"))["errors"] and 5 < now["step"] < 40):
            assert killed.poll() is None, killed.communicate()
            time.sleep(0.005)
    finally:
        kill(killed)
    left = place(tmp_path / "killed")
    assert left["step"] > 0
    assert not left["ended"]

    undisturbed = train(tmp_path / "whole", batch=6, noise=0.2)
    assert train(tmp_path / "killed", batch=6, noise=0.2, resume=True) == undisturbed
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")


@pytest.mark.timeout(2 * PATIENCE_S)
def test_two_processes_learn_what_one_does_with_the_same_batches(tmp_path: Path) -> None:
    shared = start(
        [*together(MODULE), str(tmp_path / "two"), "--batch", "62"]
    )  # 31 titles each; the last batch is uneven
    one, two = train(tmp_path / "one", batch=62, noise=0.0), ended(shared)
    np.testing.assert_allclose(two["errors"], one["errors"], atol=0.02)  # a validation title in 60 may tip over
    (steps, expected), (same_steps, found) = (zip(*losses(tmp_path / name), strict=True) for name in ("one", "two"))
    assert steps == same_steps
    assert len(steps) > 15
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert expected[-1] < 0.8 * expected[0]
    assert (tmp_path / "two" / "turn-0").read_text() == "[]"
    assert "turn-0" in json.loads((tmp_path / "two" / "turn-1").read_text())  # what the first leaves, it finds


def test_a_checkpoint_is_not_overwritten_nor_taken_for_another_run(tmp_path: Path) -> None:
    run = Checkpoints(tmp_path, {"seed": 1, "recipe": {"epochs": 3}})
    run.write({"step": 4})
    with pytest.raises(TrainingError, match="--resume"):
        Checkpoints(tmp_path, {"seed": 1, "recipe": {"epochs": 3}})
    again = Checkpoints(tmp_path, {"seed": 1, "recipe": {"epochs": 3}}, resume=True)
    assert again.read(torch.device("cpu")) == {"step": 4}
    with pytest.raises(TrainingError, match="seed was 1, is 2"):
        Checkpoints(tmp_path, {"seed": 2, "recipe": {"epochs": 3}}, resume=True).read(torch.device("cpu"))
    (tmp_path / FILE).write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(TrainingError, match="not a checkpoint"):
        again.read(torch.device("cpu"))


def test_a_folder_without_a_checkpoint_is_where_a_run_begins(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "new", {}, resume=True).read(torch.device("cpu")) is None
