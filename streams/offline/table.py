"""A table in memory, for logic without RocksDB."""

from collections.abc import Mapping, Sequence


class MemoryRows:
    """Rows by key; partitions are not told apart, since a key lives in one of them only."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}

    def read(self, partition: int, keys: Sequence[bytes], /) -> list[bytes | None]:
        """The row of each key, None where there is none."""
        return [self.rows.get(key) for key in keys]

    def write(self, rows: Mapping[bytes, bytes | None]) -> None:
        """Put rows; None deletes."""
        for key, row in rows.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row
