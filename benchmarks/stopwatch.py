"""Time by name: how long the functions of interest took themselves, without those of interest that they called."""

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Stopwatch:
    """Adds up seconds. One thread only."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._inner = [0.0]  # what was measured inside each measurement that is open

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """The block's own time."""
        self._inner.append(0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - began
            self.seconds[name] += taken - self._inner.pop()
            self._inner[-1] += taken

    def watching(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, measured at each call; of a generator, what it does between its values."""

        @functools.wraps(function)
        def watched(*arguments: Any, **named: Any) -> Any:
            with self.measure(name):
                result = function(*arguments, **named)
            return self._between(name, result) if hasattr(result, "__next__") else result

        return watched

    def _between(self, name: str, values: Iterator[Any]) -> Iterator[Any]:
        while True:
            with self.measure(name):
                try:
                    value = next(values)
                except StopIteration:
                    return
            yield value
