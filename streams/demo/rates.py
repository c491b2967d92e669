"""Events a second over the last moments, from running counts."""

from collections import deque

SPAN_S = 3.0


class Rate:
    """How fast a count grows; `note` it now and then."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def note(self, at_s: float, count: int) -> None:
        """The count at a time of the caller's clock."""
        self._points.append((at_s, count))
        while len(self._points) > 2 and at_s - self._points[1][0] >= SPAN_S:
            self._points.popleft()

    @property
    def per_second(self) -> float:
        """Over the last seconds; 0 before the second point."""
        if len(self._points) < 2:
            return 0.0
        (start, before), (end, now) = self._points[0], self._points[-1]
        return (now - before) / (end - start) if end > start else 0.0
