"""Fitting the behaviour network on a made-up shop: in half precision, by a search, and what a set has no use for."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from models.behaviour import BehaviourNetwork
from models.data import journey
from models.data.splits import TRAIN, VALIDATION
from models.errors import TrainingError
from models.registry import load
from models.train import behaviour, behaviour_fit, items
from models.train.behaviour_fit import BehaviourTask, Pieces, Recipe, fit
from models.train.behaviour_sets import search, train
from models.train.options import BehaviourOptions, RunPlace
from models.train.precision import PrecisionName
from models.train.seeds import seeded
from streams.cli import main
from tests.unit.models.behaviour_shop import SMALL, shop
from tests.unit.models.shops import gift_lines, log, sales, write_gifts, write_store
from tests.unit.models.training_processes import losses

PAGE = Path(__file__).parents[3] / "docs" / "training.md"
FEW = BehaviourOptions(epochs=1, progress=False)


def pieces() -> tuple[Pieces, Pieces]:
    whole = shop(households=60)
    end_ms = int(whole.times_ms.max())
    return Pieces(whole.of_buckets(*TRAIN), end_ms, SMALL(12)), Pieces(whole.of_buckets(VALIDATION), end_ms, SMALL(12))


def fitted(folder: Path, precision: PrecisionName) -> tuple[list[float], list[float]]:
    """Losses of the steps, and of the epochs."""
    random = seeded(1)
    network = BehaviourNetwork(SMALL(12))
    recipe, place = Recipe(epochs=5, rate=0.03, dropout=0.0), RunPlace(log_dir=folder / "logs")
    errors = fit(network, *pieces(), recipe, random, precision=precision, place=place, progress=False)
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}
    return [loss for _, loss in losses(folder)], errors


def test_in_bf16_it_learns_what_it_does_in_float32(tmp_path: Path) -> None:
    whole, half, usual = (fitted(tmp_path / name, name) for name in ("float32", "bf16", "auto"))  # type: ignore[arg-type]
    assert whole == usual
    assert whole != half
    assert half[0][-1] < 0.7 * half[0][0]
    np.testing.assert_allclose(half[0], whole[0], rtol=0.02)
    np.testing.assert_allclose(half[1], whole[1], rtol=0.02)


def test_under_autocast_the_state_stays_in_float32_and_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behaviour_fit, "PIECE", 9)  # four pieces a household: what is carried is read
    seeded(1)
    part, network = pieces()[0], BehaviourNetwork(SMALL(12)).eval()
    states = []
    for half in (False, True):
        state = part.blank(network)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            for piece in part.batches(None):
                (logits, *_), state = part.step(network, piece, state)
        assert logits.dtype is state.dtype is torch.float32
        states.append(state)
    assert float(states[0].abs().max()) > 0.05
    torch.testing.assert_close(states[1], states[0], atol=0.01, rtol=0.05)
    assert not torch.equal(states[1], states[0])


def test_the_loss_of_lanes_is_a_mean_over_all_of_the_piece() -> None:
    seeded(1)
    task = BehaviourTask(BehaviourNetwork(SMALL(12)).eval(), *pieces(), Recipe(), None)
    (first, *_) = task.order(np.random.default_rng(0))
    shares = []
    for own in (first, first[:5], first[5:]):
        task.order(np.random.default_rng(0))
        shares.append(float(task.loss(own, np.random.default_rng(0)).detach()) * len(own) / len(first))
    assert shares[1] + shares[2] == pytest.approx(shares[0], rel=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_learns_what_it_does_on_the_processor(tmp_path: Path) -> None:
    given = [
        behaviour.train(tmp_path / name, BehaviourOptions(epochs=2, device=name, progress=False), purchases=shop())
        for name in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(given[0]["validation_losses"], given[1]["validation_losses"], rtol=0.03)


def test_the_best_of_a_search_is_what_is_trained_next_and_resumed_without_a_step(tmp_path: Path) -> None:
    world, study = shop(households=60), tmp_path / "study.journal"
    options = BehaviourOptions(epochs=1, study=study, households=12, progress=False)
    found = behaviour.search(3, options, sizes=SMALL, purchases=world)
    assert len(found["trials"]) == 3
    place = RunPlace(tmp_path / "run", resume=True)
    best = BehaviourOptions(epochs=1, study=study, place=place, progress=False)
    trained, again = (behaviour.train(tmp_path / "best", best, sizes=SMALL, purchases=world) for _ in range(2))
    sizes = load(tmp_path / "best").manifest.inputs["sizes"]
    assert {name: (trained["recipe"] | sizes)[name] for name in found["best"]} == found["best"]
    assert again["version"] == trained["version"]
    with pytest.raises(TrainingError, match="of another run: recipe was"):
        behaviour.train(tmp_path, BehaviourOptions(epochs=2, place=place, progress=False), sizes=SMALL, purchases=world)


def test_the_spaces_are_of_recipes_and_sizes() -> None:
    assert all(hasattr(Recipe(), name) or hasattr(SMALL(12), name) for name in behaviour.SPACE)
    assert all(hasattr(items.Recipe(), name) or name in items.Sizes.__slots__ for name in items.SPACE)


@pytest.mark.parametrize(
    ("which", "given", "named"),
    [
        ("gifts", BehaviourOptions(begin=Path("x")), "--begin"),
        ("gifts", BehaviourOptions(device="cuda"), "--device"),
        ("store", BehaviourOptions(precision="bf16"), "--precision"),
        ("store", BehaviourOptions(study=Path("x")), "--study"),
        ("store", BehaviourOptions(households=5), "--households"),
    ],
)
def test_a_set_that_has_no_use_for_an_option_says_so(
    which: str, given: BehaviourOptions, named: str, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=f"the set {which} has no use for {named}; leave it out"):
        train(which, tmp_path, tmp_path, given)


def test_a_search_says_what_it_cannot_do(tmp_path: Path) -> None:
    study = tmp_path / "study.journal"
    with pytest.raises(TrainingError, match="the set store has no search"):
        search("store", tmp_path, 3, FEW)
    for which in ("grocery", "gifts"):
        write_gifts(tmp_path, gift_lines(sales(20)))
        with pytest.raises(TrainingError, match="--study FILE"):
            search(which, tmp_path, 3, FEW)
    with pytest.raises(TrainingError, match="leave --begin out"):
        search("grocery", None, 3, BehaviourOptions(study=study, begin=tmp_path))
    for wrong in (["--resume"], ["--precision", "int8"], ["--search", "3", "--study", "x", "--log-dir", "x"]):
        assert CliRunner().invoke(main.app, ["train", "behaviour", *wrong]).exit_code == 2


def test_the_commands_of_the_page_that_train_behaviour_do_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On small data, and of a search two trials; the ones under torchrun are test_behaviour_processes' matter."""
    monkeypatch.setattr(journey, "lines", lambda: shop(households=40))
    monkeypatch.chdir(tmp_path)
    write_gifts(tmp_path / "DIR", gift_lines(sales(60)))
    write_store(tmp_path / "DIR", log(200))
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    lines = [line for line in "".join(blocks).splitlines() if line.startswith("shelfstream train behaviour")]
    shown = []
    for line in lines:
        fewer = re.sub(r"--search \d+", "--search 2", re.sub(r"--households \d+", "--households 9", line))
        words = shlex.split(fewer, comments=True)[1:]
        done = CliRunner().invoke(main.app, [*words, "--no-progress", "--json"])
        assert done.exit_code == 0, f"{line}\n{done.output}{done.exception}"
        shown.append(json.loads(done.stdout))
    assert len(lines) == 5
    assert len(shown[0]["trials"]) == 2
    best = shown[0]["best"]
    assert {name: shown[1]["recipe"].get(name, value) for name, value in best.items()} == best
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {"latest.pt", "logs"}
