"""Rows on their way to RocksDB: a window must see what the windows before it decided, not only what is stored."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from threading import Lock

ReadRows = Callable[[int, Sequence[bytes]], list[bytes | None]]


class RowsAhead:
    """Reads through the rows in flight to the store. `read` and `put` belong to the model's thread, `drop` to any one.

    A key leaves when every row that was put for it is stored. Which row was stored does not matter: rows of a key are
    stored in the order in which they were put, and two of them may be equal (erased, back, erased again).
    """

    def __init__(self, stored: ReadRows) -> None:
        self._stored = stored
        self._lock = Lock()  # for `put` against `drop`; a read needs none
        self._ahead: defaultdict[int, dict[bytes, tuple[bytes | None, int]]] = defaultdict(dict)  # row, times put

    def read(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The newest row of each key, None where there is none."""
        # In flight first: between the two reads a row can reach the store and leave here, never the other way round.
        ahead = self._ahead[partition]
        found = [ahead.get(key) for key in keys] if ahead else [None] * len(keys)
        missing = [key for key, entry in zip(keys, found, strict=True) if entry is None]
        stored = iter(self._stored(partition, missing))
        return [next(stored) if entry is None else entry[0] for entry in found]

    def put(self, partition: int, keys: Iterable[bytes], rows: Iterable[bytes | None]) -> None:
        """Rows that a window decided and that are not stored yet; each key once."""
        with self._lock:
            ahead = self._ahead[partition]
            for key, row in zip(keys, rows, strict=True):
                before = ahead.get(key)
                ahead[key] = (row, before[1] + 1 if before else 1)

    def drop(self, partition: int, keys: Iterable[bytes]) -> None:
        """The rows of one `put` are stored; a newer row of the same key stays."""
        with self._lock:
            ahead = self._ahead[partition]
            for key in keys:
                row, times = ahead[key]
                if times == 1:
                    del ahead[key]
                else:
                    ahead[key] = (row, times - 1)
