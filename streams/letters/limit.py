"""How many dead letters are too many: past a limit it is a bad deploy, not bad records, and the worker stops."""

from collections import deque

from streams.clock import Clock
from streams.config import LetterSettings
from streams.errors import TooManyLetters

MINUTE_MS = 60_000
AFTER = "Nothing of this window was committed; mend the producer or the model, or raise the limit"


class LetterLimit:
    """Counts letters over the last minute, of all agents, and their share of each agent's last records."""

    def __init__(self, letters: LetterSettings, clock: Clock) -> None:
        self._settings = letters
        self._clock = clock
        self._recent: deque[tuple[int, int]] = deque()
        self._total = 0
        self._shares: dict[str, _Share] = {}

    def count(self, agent: str, records: int, letters: int, example: str) -> None:
        """Add records of a window, of which so many became letters.

        Errors: TooManyLetters past a limit, with one of the reasons.
        """
        now = self._clock()
        while self._recent and self._recent[0][0] <= now - MINUTE_MS:
            self._total -= self._recent.popleft()[1]
        if letters:
            self._recent.append((now, letters))
            self._total += letters
        most = self._settings.max_per_minute
        if self._total > most:
            raise TooManyLetters(
                f"{self._total:,} dead letters within a minute, letters.max_per_minute is {most:,}; the last: "
                f"{example}. {AFTER}"
            )
        share = self._shares.get(agent)
        if share is None:
            share = self._shares[agent] = _Share(self._settings.share_of)
        share.add(records, letters)
        if letters and share.records >= share.of and share.letters > self._settings.max_share * share.records:
            raise TooManyLetters(
                f"{share.letters:,} of the last {share.records:,} records of {agent} became dead letters, "
                f"letters.max_share is {self._settings.max_share:g}; the last: {example}. {AFTER}"
            )


class _Share:
    """Records and letters of the last windows that together have `of` records, or more with the oldest of them."""

    def __init__(self, of: int) -> None:
        self.of = of
        self.records = self.letters = 0
        self._windows: deque[tuple[int, int]] = deque()

    def add(self, records: int, letters: int) -> None:
        self._windows.append((records, letters))
        self.records += records
        self.letters += letters
        while self.records - self._windows[0][0] >= self.of:
            gone, gone_letters = self._windows.popleft()
            self.records -= gone
            self.letters -= gone_letters
