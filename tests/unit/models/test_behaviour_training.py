"""Training on a made-up shop, from purchase lines to an artifact that answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.behaviour import load_behaviour
from models.data.sequences import DAY_MS
from models.errors import ArtifactError
from models.evaluate.behaviour import stream
from models.registry import with_metrics
from models.train.behaviour import train
from models.train.behaviour_calibration import platt
from models.train.options import BehaviourOptions
from tests.unit.models.behaviour_shop import SMALL, shop


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("artifact")
    torch.set_num_threads(1)
    train(path, BehaviourOptions(epochs=6, progress=False), sizes=SMALL, purchases=shop())
    return path


def test_a_trained_model_offers_what_the_household_always_buys(trained: Path) -> None:
    world = shop()
    asked = world.of_buckets(0)
    predictor = load_behaviour(trained)
    answers = stream(predictor, asked, label="", progress=False)
    target = np.roll(asked.category, -1)
    within = (np.roll(asked.basket, -1) == asked.basket) & (asked.times_ms > 20 * DAY_MS)
    hits = (answers.categories[:, :3] == target[:, None]).any(axis=1)
    assert hits[within].mean() > 0.8


def test_the_manifest_tells_what_the_model_was_fitted_on(trained: Path) -> None:
    manifest = with_metrics(trained, {"figures": []}, "behaviour")
    assert manifest.training["fitted_buckets"] == [2, 3, 4, 5, 6, 7, 8]
    assert manifest.training["fingerprint"] == shop().fingerprint()
    assert load_behaviour(trained).info.version == manifest.version


def test_an_altered_artifact_is_refused(trained: Path, tmp_path: Path) -> None:
    for file in trained.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "weights.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(bytes(raw))
    with pytest.raises(ArtifactError, match="SHA-256"):
        load_behaviour(tmp_path)


def test_platt_finds_the_slope_and_intercept_that_were_put_in() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=40_000)
    truth = rng.random(40_000) < 1 / (1 + np.exp(-(0.7 * logits - 0.4)))
    slope, intercept = platt(logits, truth.astype(float))
    assert slope == pytest.approx(0.7, abs=0.05)
    assert intercept == pytest.approx(-0.4, abs=0.05)


def test_the_shipped_model_loads_and_fits_the_limits() -> None:
    predictor = load_behaviour()
    assert len(predictor.categories) == 302
    assert predictor.row_dtype.itemsize <= 2048
