"""TensorBoard logs of a run: loss, learning rate and size of the gradient at each step, the error at each epoch."""

from __future__ import annotations

from pathlib import Path

from models.errors import TrainingError


class Log:
    """Events in one folder; `tensorboard --logdir` of a folder above shows several runs beside one another."""

    def __init__(self, folder: Path, begun_at: int = 0) -> None:
        """`begun_at`: steps done before; what a killed run wrote after them is not shown.

        Errors: TrainingError when tensorboard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise TrainingError(f"logs need tensorboard ({error}); install shelfstream[train]") from error
        self._writer = SummaryWriter(str(folder), purge_step=begun_at + 1 if begun_at else None)

    def step(self, step: int, loss: float, rate: float, norm: float | None) -> None:
        """One step of the optimizer; `norm` of the gradients before clipping, where they are clipped."""
        self._writer.add_scalar("train/loss", loss, step)
        self._writer.add_scalar("train/rate", rate, step)
        if norm is not None:
            self._writer.add_scalar("train/gradient", norm, step)

    def epoch(self, step: int, error: float) -> None:
        """The validation error after an epoch that ended with this step."""
        self._writer.add_scalar("validation/error", error, step)

    def close(self) -> None:
        """Write what is still in memory."""
        self._writer.close()
