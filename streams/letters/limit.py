"""How many dead letters are too many: past the limit it is a bad deploy, not bad records, and the worker stops."""

from collections import deque

from streams.clock import Clock
from streams.errors import TooManyLetters

MINUTE_MS = 60_000


class LetterLimit:
    """Counts letters over the last minute."""

    def __init__(self, max_per_minute: int, clock: Clock) -> None:
        self._max = max_per_minute
        self._clock = clock
        self._recent: deque[tuple[int, int]] = deque()
        self._total = 0

    def count(self, letters: int, example: str) -> None:
        """Add letters that were just made. Errors: TooManyLetters past the limit, with one of the reasons."""
        now = self._clock()
        while self._recent and self._recent[0][0] <= now - MINUTE_MS:
            self._total -= self._recent.popleft()[1]
        if letters:
            self._recent.append((now, letters))
            self._total += letters
        if self._total > self._max:
            raise TooManyLetters(
                f"{self._total:,} dead letters within a minute, letters.max_per_minute is {self._max:,}; the last: "
                f"{example}. Nothing of this window was committed; mend the producer or the model, or raise the limit"
            )
