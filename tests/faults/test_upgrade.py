"""A rolling upgrade from one version of the behaviour model to another, and back, one worker after the other."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.predict import load_behaviour
from models.registry import load, save, shipped
from tests.faults.cluster import Cluster
from tests.faults.conftest import Judge, MakeStage

pytestmark = [pytest.mark.faults, pytest.mark.long]

KIND = "behaviour"
LABELS = ("one", "two")


def another_version(path: Path) -> Path:
    """The shipped model with some of its weights changed, under a version of its own."""
    artifact = load(shipped(KIND), KIND)
    tensors = {
        name: tensor * np.float32(0.9) if name.startswith("net.") and tensor.dtype == np.float32 else tensor
        for name, tensor in artifact.tensors.items()
    }
    save(path, msgspec.structs.replace(artifact.manifest, version="2-upgrade"), tensors, artifact.tables)
    return path


@pytest.mark.timeout(600)
def test_each_users_state_goes_over_to_the_new_model_and_back(
    make_stage: MakeStage, one_broker: Cluster, judge: Judge, tmp_path: Path
) -> None:
    old, new = shipped(KIND), another_version(tmp_path / "new")
    models = {model.info.version: model for model in map(load_behaviour, (old, new))}
    assert len(models) == 2
    stage = make_stage(one_broker, models=models, artifact=old, pace=100)
    workers = {label: stage.start_worker(label) for label in LABELS}
    for worker in workers.values():
        worker.wait_ready()
    stage.load.start()
    recovered = []
    changes = [(path, label) for path in (new, old) for label in LABELS]
    for path, label in changes:
        stage.wait_answered(300)
        workers[label].terminate()
        assert workers[label].wait(30) == 0
        mark = stage.watcher.mark()
        workers[label] = stage.start_worker(label, models_behaviour=str(path))
        recovered.append(stage.recovered(mark))
        workers[label].wait_ready()
    stage.wait_answered(300)
    line = stage.finish("rolling upgrade of the model, and back", len(changes), recovered)
    assert {prediction.model.version for prediction in stage.place.predictions()} == set(models)
    judge(line)
