"""A table's rows as the engine sees them: the newest of each key, wherever it is by now.

A row goes through four places: decided by a window that is under way, durable in the changelog, written to RocksDB, and
forgotten here. Windows read the newest at every moment. RocksDB is written behind, some thousand rows at a time, so a
user with ten events in a second costs one write; a crash before it costs reading that second of the changelog again.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = bytes | None
WRITE_ROWS = 256  # in one WriteBatch: RocksDB's binding keeps the interpreter to itself meanwhile
ENTRY_BYTES = 150  # what a dict and two bytes objects take besides their content
Gone: Any = object()  # stands for a deleted row, which is known, unlike a missing one

ReadStored = Callable[[int, Sequence[bytes]], list[Row]]
WriteStored = Callable[[int, Sequence[bytes], Sequence[Row], int], None]


@dataclass(slots=True)
class _Unwritten:
    """Rows of one partition on their way to RocksDB, oldest first: being written, durable, decided."""

    writing: dict[bytes, Any] = field(default_factory=dict)
    durable: dict[bytes, Any] = field(default_factory=dict)
    durable_bytes: int = 0
    offset: int = -1
    decided: deque[tuple[dict[bytes, Any], int]] = field(default_factory=deque)  # with their bytes


class Rows:
    """Reads and writes of one table. `read` and `put` belong to the model's thread, `durable` to the event loop,
    `flush` to any one thread at a time.

    `cache_bytes` bounds the rows that are kept in memory after they were written; those on their way are kept anyway.
    With `shared`, all partitions are one key space, as in a global table.
    """

    def __init__(
        self,
        read: ReadStored,
        write: WriteStored,
        cache_bytes: int,
        *,
        shared: bool = False,
        scan: Callable[[bytes], list[tuple[bytes, bytes]]] = lambda prefix: [],
        keys: Callable[[int], list[bytes]] = lambda partition: [],
        page: Callable[[int, bytes, int], list[tuple[bytes, bytes]]] = lambda partition, after, limit: [],
    ) -> None:
        self._read_stored = read
        self._scan_stored = scan
        self._stored_keys = keys
        self._page_stored = page
        self._write_stored = write
        self._half = cache_bytes // 2
        self._shared = shared
        self._lock = threading.Lock()
        self._young: defaultdict[int, dict[bytes, Any]] = defaultdict(dict)
        self._old: defaultdict[int, dict[bytes, Any]] = defaultdict(dict)
        self._young_bytes = 0
        self._any_gone = False
        self._unwritten: defaultdict[int, _Unwritten] = defaultdict(_Unwritten)
        self._flushing = threading.Lock()

    def read(self, partition: int, keys: Sequence[bytes]) -> list[Row]:
        """The newest row of each key, None where there is none."""
        number = self._number(partition)
        young, old = self._young[number], self._old[number]
        found: list[Any] = [young.get(key) for key in keys]
        missing = [i for i, row in enumerate(found) if row is None]
        if missing and old:
            for i in missing:
                found[i] = old.get(keys[i])
            missing = [i for i in missing if found[i] is None]
        if missing:
            stored = self._read_stored(partition, [keys[i] for i in missing])
            for i, row in zip(missing, stored, strict=True):
                found[i] = row
        if self._any_gone:
            return [None if row is Gone else row for row in found]
        return found

    def stored(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """The rows in RocksDB whose keys begin so. Not those on their way to it: ask after `forget`, before `put`."""
        return self._scan_stored(prefix)

    def keys(self, partition: int) -> list[bytes]:
        """The key of every row of the partition, wherever it is by now. For the model's thread.

        A row that is deleted meanwhile may be among them: its `read` gives None.
        """
        on_their_way: dict[bytes, Any] = {}
        with self._lock:  # before RocksDB is asked: what is written in between is then found in one of the two
            for rows in self._in_order(self._unwritten[partition]):
                on_their_way.update(rows)
        found = dict.fromkeys(self._stored_keys(partition))
        found.update(dict.fromkeys(on_their_way))
        return [key for key in found if on_their_way.get(key) is not Gone]

    def page(self, partition: int, after: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Up to `limit` rows in RocksDB behind a key, by key; of each, `read` tells the newest."""
        return self._page_stored(partition, after, limit)

    def put(self, partition: int, rows: Mapping[bytes, Row]) -> None:
        """Rows that a window decided (None deletes), readable from now on."""
        decided: dict[bytes, Any] = dict(rows)
        for key in [key for key, row in rows.items() if row is None]:
            decided[key] = Gone
            self._any_gone = True
        size = sum(len(row) for row in rows.values() if row) + ENTRY_BYTES * len(rows)
        with self._lock:
            self._unwritten[partition].decided.append((decided, size))
            self._young[self._number(partition)].update(decided)
            self._young_bytes += size
            if self._young_bytes > self._half:
                self._grow_old()

    def durable(self, partition: int, offset: int) -> None:
        """The rows of the partition's oldest `put` are in the changelog, the last of them at this offset."""
        with self._lock:
            unwritten = self._unwritten[partition]
            rows, size = unwritten.decided.popleft()
            unwritten.durable.update(rows)
            unwritten.durable_bytes += size
            unwritten.offset = max(unwritten.offset, offset)

    def waiting_bytes(self) -> int:
        """What rows that are durable and not written yet take at most; a row that changed again counts again."""
        return sum(unwritten.durable_bytes for unwritten in list(self._unwritten.values()))

    def flush(self) -> None:
        """Write what is durable. The changelog offset goes with the last rows, so that a crash repeats, never skips."""
        with self._flushing:
            for partition, unwritten in list(self._unwritten.items()):
                with self._lock:
                    rows, offset = unwritten.durable, unwritten.offset
                    unwritten.writing, unwritten.durable, unwritten.durable_bytes = rows, {}, 0
                self._write(partition, rows, offset)
                with self._lock:
                    unwritten.writing = {}

    def forget(self) -> None:
        """Forget everything: the partitions may come back after others wrote them. `flush` first, or rows are lost
        here, though never in the changelog."""
        with self._lock:
            self._young.clear()
            self._old.clear()
            self._unwritten.clear()
            self._young_bytes, self._any_gone = 0, False

    def _write(self, partition: int, rows: dict[bytes, Any], offset: int) -> None:
        keys: list[bytes] = list(rows)
        values: list[Row] = [None if row is Gone else row for row in rows.values()]
        for first in range(0, len(keys), WRITE_ROWS):
            end = first + WRITE_ROWS
            self._write_stored(partition, keys[first:end], values[first:end], offset if end >= len(keys) else -1)

    def _grow_old(self) -> None:
        """Forget what was not touched since the last time. What is not written yet stays."""
        self._old, self._young = self._young, defaultdict(dict)
        self._young_bytes = 0
        self._any_gone = any(Gone in rows.values() for rows in self._old.values())
        for partition, unwritten in self._unwritten.items():
            young = self._young[self._number(partition)]
            for rows in self._in_order(unwritten):
                young.update(rows)

    @staticmethod
    def _in_order(unwritten: _Unwritten) -> Iterable[dict[bytes, Any]]:
        yield unwritten.writing
        yield unwritten.durable
        yield from (rows for rows, _ in unwritten.decided)

    def _number(self, partition: int) -> int:
        return 0 if self._shared else partition


def no_rows() -> Rows:
    """Of an agent that keeps nothing."""
    return Rows(lambda partition, keys: [None] * len(keys), lambda *_: None, 0)
