"""The loop alone, with a small network that learns a line: it stops, it keeps the best, it says what is wrong."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from models.errors import TrainingError
from models.train.loop import Settings, run
from models.train.precision import Precision, PrecisionName
from models.train.rates import RateName, Rates
from models.train.seeds import seeded
from models.train.team import Rows, Team


class Line:
    """y = x · w, 64 rows of 4, in batches of 16; validation errors can be given instead of measured."""

    def __init__(self, errors: Sequence[float] = (), scale: float = 1.0) -> None:
        random = seeded(5)
        self.x = torch.from_numpy(random.normal(size=(64, 4)).astype(np.float32))
        self.y = self.x @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]]) * scale
        self.network = nn.Linear(4, 1)
        self.given = list(errors)
        self.seen: list[Tensor] = []  # the weights after each epoch

    def order(self, random: np.random.Generator) -> list[Rows]:
        return np.split(random.permutation(64), 4)

    def loss(self, rows: Rows, random: np.random.Generator) -> Tensor:
        return nn.functional.mse_loss(self.network(self.x[rows]), self.y[rows])

    def error(self) -> float:
        self.seen.append(self.network.weight.detach().clone())
        if self.given:
            return self.given[len(self.seen) - 1]
        with torch.inference_mode():
            return float(nn.functional.mse_loss(self.network(self.x), self.y))


def fitted(
    task: Line,
    epochs: int = 6,
    *,
    patience: int = 9,
    rate: float = 0.05,
    rates: RateName = "cosine",
    clip: float | None = None,
    precision: PrecisionName = "auto",
    log_dir: Path | None = None,
) -> tuple[list[float], torch.optim.Optimizer]:
    optimizer = torch.optim.Adam(task.network.parameters(), lr=rate)
    settings = Settings(epochs, patience, clip=clip, precision=precision)
    schedule = Rates(optimizer, rates, epochs * 4)
    random = np.random.default_rng(0)
    return run(task, optimizer, schedule, settings, random=random, log_dir=log_dir, progress=False), optimizer


def test_it_stops_when_patience_is_spent_and_leaves_the_best_weights() -> None:
    task = Line(errors=[0.5, 0.3, 0.4, 0.35, 0.31, 0.1])
    errors, _ = fitted(task, patience=2)
    assert errors == [0.5, 0.3, 0.4, 0.35]
    assert torch.equal(task.network.weight, task.seen[1])


@pytest.mark.parametrize("precision", ["float32", "bf16", "fp16"])
def test_it_learns_in_every_precision(precision: PrecisionName) -> None:
    task = Line()
    errors, _ = fitted(task, 40, rate=0.2, precision=precision)
    assert min(errors) < 0.01 * errors[0]
    assert task.network.weight.dtype is torch.float32


def test_only_fp16_scales_the_loss_and_a_processor_keeps_float32_unless_asked() -> None:
    cpu = torch.device("cpu")
    assert Precision("auto", cpu).dtype is torch.float32
    assert [Precision(name, cpu).scaler.is_enabled() for name in ("auto", "bf16", "fp16")] == [False, False, True]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_learns_in_half_precision_by_default() -> None:
    task = Line()
    task.network.cuda()
    task.x, task.y = task.x.cuda(), task.y.cuda()
    assert Precision("auto", task.x.device).scaler.is_enabled()
    errors, _ = fitted(task, 40, rate=0.2)
    assert min(errors) < 0.01 * errors[0]


def test_an_overflow_in_fp16_leaves_the_step_out_and_the_rates_where_they_were() -> None:
    task = Line(scale=30.0)  # its gradients times a scale of 65,536 are beyond float16
    before = task.network.weight.detach().clone()
    _, optimizer = fitted(task, 1, precision="fp16")
    assert torch.equal(task.network.weight, before)
    assert optimizer.state == {}


def test_the_gradient_is_clipped_before_the_step(tmp_path: Path) -> None:
    task = Line(scale=100.0)
    start = task.network.weight.detach().clone()
    optimizer = torch.optim.SGD(task.network.parameters(), lr=1.0)
    schedule = Rates(optimizer, "constant", 4, warm_up=0.0)
    settings = Settings(1, 1, clip=0.01)
    run(task, optimizer, schedule, settings, random=np.random.default_rng(0), log_dir=tmp_path, progress=False)
    assert 0 < float((task.network.weight.detach() - start).norm()) <= 4 * 0.01 + 1e-6
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert min(event.value for event in events.Scalars("train/gradient")) > 1  # as it was before
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2, 3, 4]
    assert [event.step for event in events.Scalars("validation/error")] == [4]


def test_a_loss_that_is_no_number_ends_the_run_and_says_where() -> None:
    task = Line()
    task.y[:] = float("nan")
    with pytest.raises(TrainingError, match="nan at step 1"):
        fitted(task)


def test_the_cosine_rises_then_falls_to_its_floor() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    rates = Rates(optimizer, "cosine", 100, warm_up=0.1, floor=0.02)
    seen = []
    for _ in range(100):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rates.step()
    assert np.argmax(seen) == 9
    assert seen[0] == pytest.approx(0.2)
    assert np.all(np.diff(seen[9:]) < 0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.04)


def test_a_plateau_halves_the_rate_down_to_its_floor_and_survives_a_restart() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    rates = Rates(optimizer, "plateau", 20, warm_up=0.1, floor=0.2, patience=1)
    for _ in range(4):
        optimizer.step()
        rates.step()
    seen = []
    for error in (0.5, 0.6, 0.6, 0.4, 0.4, 0.4):
        rates.epoch(error)
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen == [1, 1, 0.5, 0.5, 0.5, 0.25]

    again = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    resumed = Rates(again, "plateau", 20, warm_up=0.1, floor=0.2, patience=1)
    again.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(rates.state_dict())
    for error in (0.4, 0.4):
        resumed.epoch(error)
    assert again.param_groups[0]["lr"] == pytest.approx(0.2)


def test_one_cycle_rises_and_falls_with_the_momentum_against_it_and_survives_a_restart() -> None:
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=2.5)
    rates = Rates(optimizer, "one-cycle", 100, warm_up=0.1)
    seen, momenta = [], []
    for step in range(104):  # an epoch may have a few steps more than was reckoned with
        if step == 40:
            again = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=2.5)
            resumed = Rates(again, "one-cycle", 100, warm_up=0.1)
            again.load_state_dict(optimizer.state_dict())
            resumed.load_state_dict(rates.state_dict())
            optimizer, rates = again, resumed
        seen.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["betas"][0])
        optimizer.step()
        rates.step()
    assert np.argmax(seen) == np.argmin(momenta) == 9
    assert seen[0] == pytest.approx(0.1)
    assert seen[9] == pytest.approx(2.5)
    assert np.all(np.diff(seen[9:100]) < 0)
    assert seen[99:] == [pytest.approx(1e-5)] * 5
    assert momenta[9] == pytest.approx(0.85)


def test_a_cycle_whose_rise_has_no_step_of_its_own_begins_at_the_highest_rate() -> None:
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=2.5)
    rates = Rates(optimizer, "one-cycle", 10, warm_up=0.1)
    for _ in range(10):
        optimizer.step()
        rates.step()
    assert 0 < optimizer.param_groups[0]["lr"] < 0.01


def test_the_shares_of_a_batch_are_the_batch_and_weigh_as_much() -> None:
    rows = np.arange(7)
    shares = [Team(rank, 3).share(rows) for rank in range(3)]
    assert sorted(np.concatenate([own for own, _ in shares])) == list(range(7))
    assert sum(weight for _, weight in shares) == pytest.approx(3)
    idle, nothing = Team(2, 3).share(np.array([5, 6]))
    assert (len(idle), nothing) == (1, 0.0)
