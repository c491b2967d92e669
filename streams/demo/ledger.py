"""What was sent, when, and what came back: the counts of the demo are taken from here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Ledger:
    """Events of one input topic by number, 0 to `capacity`, and their answers in each output topic."""

    def __init__(self, capacity: int, outputs: Sequence[str]) -> None:
        self.sent = 0
        self.answered = dict.fromkeys(outputs, 0)
        self.repeated = 0  # answers that came once more, as they may after a restart of the worker
        self.strange = 0  # answers to what was never sent
        self._sent_at = np.full(capacity, np.nan)
        self._came = {output: np.zeros(capacity, bool) for output in outputs}

    def send(self, times_s: NDArray[np.float64]) -> range:
        """Note the next events, sent at these times. Returns their numbers."""
        numbers = range(self.sent, self.sent + len(times_s))
        self._sent_at[numbers.start : numbers.stop] = times_s
        self.sent = numbers.stop
        return numbers

    def receive(self, output: str, numbers: Sequence[int], now_s: float) -> tuple[list[int], NDArray[np.float64]]:
        """Note answers that came at `now_s`. Returns those that came for the first time, and how many ms each took."""
        came = self._came[output]
        fresh: list[int] = []
        for number in numbers:
            if not 0 <= number < self.sent:
                self.strange += 1
            elif came[number]:
                self.repeated += 1
            else:
                came[number] = True
                fresh.append(number)
        self.answered[output] += len(fresh)
        return fresh, (now_s - self._sent_at[fresh]) * 1e3

    def has(self, output: str, number: int) -> bool:
        """Whether the event was answered there."""
        return 0 <= number < self.sent and bool(self._came[output][number])

    @property
    def complete(self) -> int:
        """Events that were answered in every output topic, as far as counts can tell."""
        return min(self.answered.values())

    @property
    def waiting(self) -> int:
        """Events that were sent and lack an answer: the lag."""
        return self.sent - self.complete
