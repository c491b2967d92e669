"""The model and the events of the reference job: token -> 64-unit LSTM -> 64 classes, state per user.

The weights are random with a fixed seed and larger than torch's defaults, so that a lost, repeated or reordered event
moves the confidences far beyond the tolerance of the check (`Checked.blind` measures that on every run).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.reference_events import (
    CLASSES,
    EMBEDDING,
    HALVES,
    HIDDEN,
    PARTITIONS,
    TOKENS,
    TOP,
    Answer,
    Event,
    changelog,
    records,
    users_and_tokens,
)

__all__ = [  # with what is of reference_events: our workers take everything from here
    "HALVES", "HIDDEN", "PARTITIONS", "TOLERANCE", "TOP", "Answer", "Checked", "Event", "ReferenceModel",
    "changelog", "check", "job_environment", "records", "save_weights", "users_and_tokens",
]  # fmt: skip

TOLERANCE = (
    5e-3  # state is stored in float16 by everyone: half of its steps between 0.5 and 1 is 2.4e-4, times the weights
)


class ReferenceModel(nn.Module):
    """Shapes: tokens (n,) int64, h, c (n, 64) float32 -> confidences (n, 64), new h, new c; n different users."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(20_261_123)
            self.embedding = nn.Embedding(TOKENS, EMBEDDING)
            self.lstm = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
            self.head = nn.Linear(HIDDEN, CLASSES)
        with torch.no_grad():
            self.lstm.get_parameter("weight_hh_l0").mul_(2.0)
            self.lstm.get_parameter("weight_ih_l0").mul_(1.5)
            self.head.weight *= 12.0
        self.eval()

    def forward(self, tokens: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One event for each of n users."""
        inputs = self.embedding(tokens)[:, None]  # (n, 1, 32)
        out, (h, c) = self.lstm(inputs, (h[None].contiguous(), c[None].contiguous()))
        return torch.softmax(self.head(out[:, 0]), -1), h[0], c[0]


def save_weights(path: Path) -> None:
    """Write the weights as a numpy archive, for the peers, which have no torch."""
    np.savez(path, **{name: tensor.numpy() for name, tensor in ReferenceModel().state_dict().items()})


def job_environment(bootstrap: str, source: str, target: str, folder: Path) -> dict[str, str]:
    """What a worker of the job reads from its environment; its weights are written into the folder."""
    weights = folder / "weights.npz"
    save_weights(weights)
    return {
        "BENCH_BROKER": bootstrap,
        "BENCH_TOPICS": f"{source},{target}",
        "BENCH_FOLDER": str(folder),
        "BENCH_WEIGHTS": str(weights),
    }


@dataclass(frozen=True)
class Checked:
    """What the check found; `blind` is the share of answers that a model without state would get right."""

    users: int
    answers: int
    worst: float
    wrong: int
    blind: float


@torch.inference_mode()
def check(sequences: dict[str, list[int]], answers: dict[str, list[Answer]]) -> Checked:
    """Compare each user's answers with the model stepped through that user's tokens one at a time.

    Right means: as many answers as events, and each of the five confidences within TOLERANCE of the reference's for
    that class, and of the reference's confidence of the same rank (so no likelier class was left out).
    """
    model = ReferenceModel()
    count, wrong, blind_right, worst = 0, 0, 0, 0.0
    for user, tokens in sequences.items():
        given = answers.get(user, [])
        wrong += abs(len(tokens) - len(given))
        h, c = torch.zeros(1, HIDDEN), torch.zeros(1, HIDDEN)
        for token, answer in zip(tokens, given, strict=False):
            one = torch.tensor([token])
            blind = model(one, torch.zeros(1, HIDDEN), torch.zeros(1, HIDDEN))[0][0]
            confidence, h, c = model(one, h, c)
            difference = _difference(confidence[0], answer)
            worst = max(worst, difference)
            wrong += difference > TOLERANCE
            blind_right += _difference(blind, answer) <= TOLERANCE
            count += 1
    return Checked(len(sequences), count, worst, wrong, blind_right / max(1, count))


def _difference(confidence: Tensor, answer: Answer) -> float:
    told = torch.tensor(answer.confidences)
    by_class = (confidence[torch.tensor(answer.classes)] - told).abs().max()
    by_rank = (confidence.topk(TOP).values - told).abs().max()
    return float(torch.maximum(by_class, by_rank))
