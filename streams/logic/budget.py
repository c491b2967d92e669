"""How many products the encoder may answer in one window, from how long it took for the last ones."""

from math import inf

_NEWEST = 0.2  # weight of the last call in the time that is expected of the next


class Budget:
    """Time of one window, in products. `seconds` of infinity is no bound."""

    def __init__(self, seconds: float, titles_per_second: float) -> None:
        self._seconds = seconds
        self._each = 1 / titles_per_second
        self._left = 0

    def begin(self) -> None:
        """Another window. One product is always allowed, or what waits would wait for ever."""
        self._left = 1_000_000_000 if self._seconds == inf else max(1, int(self._seconds / self._each))

    @property
    def left(self) -> int:
        """Products that this window may still bring to the encoder."""
        return self._left

    def spend(self, products: int, seconds: float) -> None:
        """The encoder answered so many in that time."""
        self._left = max(0, self._left - products)
        if products and seconds > 0:
            self._each = (1 - _NEWEST) * self._each + _NEWEST * seconds / products
