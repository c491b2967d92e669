"""Rows in RocksDB, in a real database: what is written together is there together, after a close too."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from faust.types import TP

from schemas.state import ROW_FORMAT, source_offsets
from streams.errors import ConfigError, StateDamaged
from streams.state.options import Rocks
from streams.state.store import RowStore
from tests.unit.streams.making import record

MIB = 1024 * 1024
CHANGELOG = "changelog"

OpenStore = Callable[..., RowStore]


def log_tp(partition: int) -> TP:
    """A partition of the changelog."""
    return TP(CHANGELOG, partition)


@pytest.fixture
def recovered() -> list[int]:
    """How many rows each applied run had."""
    return []


@pytest.fixture
def open_store(tmp_path: Path, recovered: list[int]) -> Iterator[OpenStore]:
    rocks, stores = Rocks(8 * MIB, 8 * MIB), []

    def make(*, shared: bool = False, folder: Path = tmp_path / "rows", **options: Any) -> RowStore:
        table: Any = SimpleNamespace(is_global=shared, name="rows")
        app: Any = SimpleNamespace(conf=SimpleNamespace(), loop=None)
        store = RowStore(rocks, folder, "rocksdb://", app, table, on_recovered=recovered.append, **options)
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.close()


def rows_from(start: int, rows: Sequence[tuple[bytes, bytes | None]]) -> list[ConsumerRecord]:
    """Records of the changelog, from that offset on."""
    return [record(log_tp(0), start + i, key, value) for i, (key, value) in enumerate(rows)]


def test_written_rows_are_read_in_the_order_asked(open_store: OpenStore) -> None:
    store = open_store()
    store.write(0, [b"a", b"b", b"\xc3\xa9"], [b"1", b"", b"\x00\xff"], 2)
    assert store.read(0, [b"\xc3\xa9", b"missing", b"b", b"a"]) == [b"\x00\xff", None, b"", b"1"]
    assert store.read(0, []) == []


def test_rows_and_changelog_offset_survive_close_and_open(open_store: OpenStore) -> None:
    store = open_store()
    store.write(0, [b"a"], [b"1"], 41)
    store.write(0, [b"a", b"b"], [b"2", b"3"], 43)
    store.close()
    again = open_store()
    assert again.read(0, [b"a", b"b"]) == [b"2", b"3"]
    assert again.persisted_offset(log_tp(0)) == 43


def test_a_none_row_deletes(open_store: OpenStore) -> None:
    store = open_store()
    store.write(0, [b"a", b"b"], [b"1", b"2"], 1)
    store.write(0, [b"a"], [None], 2)
    assert store.read(0, [b"a", b"b"]) == [None, b"2"]


def test_the_last_of_several_rows_of_a_key_in_one_write_wins(open_store: OpenStore) -> None:
    store = open_store()
    store.write(0, [b"a", b"a"], [b"1", b"2"], 1)
    assert store.read(0, [b"a"]) == [b"2"]


def test_neither_rows_nor_offset_change_when_the_write_fails(open_store: OpenStore) -> None:
    store = open_store()
    store.write(0, [b"a"], [b"1"], 1)
    store._database(0).close()  # as a disk that went away
    with pytest.raises(StateDamaged, match=r"rows\[0\].*cannot be written"):
        store.write(0, [b"a"], [b"2"], 2)
    store._databases.clear()
    again = open_store()
    assert again.read(0, [b"a"]) == [b"1"]
    assert again.persisted_offset(log_tp(0)) == 1


def test_partitions_are_apart(open_store: OpenStore) -> None:
    store = open_store()
    store.write(0, [b"a"], [b"zero"], 7)
    store.write(1, [b"a"], [b"one"], 9)
    assert (store.read(0, [b"a"]), store.read(1, [b"a"])) == ([b"zero"], [b"one"])
    assert [store.persisted_offset(log_tp(partition)) for partition in range(3)] == [7, 9, None]


def test_a_global_table_is_one_database_with_an_offset_for_each_partition(open_store: OpenStore) -> None:
    store = open_store(shared=True)
    store.write(0, [b"a"], [b"zero"], 7)
    store.write(1, [b"b"], [b"one"], 9)
    assert store.read(3, [b"a", b"b"]) == [b"zero", b"one"]
    assert [store.persisted_offset(log_tp(partition)) for partition in range(3)] == [7, 9, None]


def test_recovery_applies_runs_with_the_offset_of_their_last_record(
    open_store: OpenStore, recovered: list[int]
) -> None:
    store = open_store()
    store.apply(0, rows_from(5, [(b"a", b"1"), (b"b", b"2"), (b"a", None)]))
    store.apply(1, rows_from(3, [(b"a", b"9")]))
    assert store.read(0, [b"a", b"b"]) == [None, b"2"]
    assert store.read(1, [b"a"]) == [b"9"]
    assert [store.persisted_offset(log_tp(partition)) for partition in (0, 1)] == [7, 3]
    assert recovered == [3, 1]


def test_recovery_of_a_run_longer_than_one_batch_keeps_every_row(
    open_store: OpenStore, recovered: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.state.store.FLUSH_BYTES", 10)
    store = open_store()
    rows = [(b"%d" % i, b"row %d" % i) for i in range(50)]
    store.apply(0, rows_from(100, rows))
    assert store.read(0, [key for key, _ in rows]) == [row for _, row in rows]
    assert store.persisted_offset(log_tp(0)) == 149
    assert recovered == [50]


def row(offset: int) -> bytes:
    """A user's row that reaches this source offset."""
    return bytes((ROW_FORMAT, 0, 0, 0)) + b"mod." + offset.to_bytes(8, "little")


def test_recovery_keeps_the_row_that_reaches_further_in_the_source_across_runs_and_restarts(
    open_store: OpenStore, recovered: list[int]
) -> None:
    store = open_store(source_offsets=source_offsets)
    store.apply(0, rows_from(0, [(b"a", row(10)), (b"b", row(11))]))
    store.apply(0, rows_from(2, [(b"a", row(4)), (b"b", row(12))]))
    assert store.read(0, [b"a", b"b"]) == [row(10), row(12)]
    store.close()
    again = open_store(source_offsets=source_offsets)
    again.apply(0, rows_from(4, [(b"b", row(3)), (b"c", row(5)), (b"a", row(13))]))
    assert again.read(0, [b"a", b"b", b"c"]) == [row(13), row(12), row(5)]
    assert again.persisted_offset(log_tp(0)) == 6
    assert recovered == [2, 2, 3]


def test_an_older_row_does_not_replace_one_that_the_owner_wrote(open_store: OpenStore) -> None:
    store = open_store(source_offsets=source_offsets)
    store.write(0, [b"a"], [row(20)], 0)
    store.apply(0, rows_from(1, [(b"a", row(19))]))
    assert store.read(0, [b"a"]) == [row(20)]


def test_a_copy_of_before_rows_told_their_offsets_has_each_row_looked_at(open_store: OpenStore) -> None:
    older = open_store()
    older.write(0, [b"a"], [row(20)], 0)
    older.close()
    store = open_store(source_offsets=source_offsets)
    store.apply(0, rows_from(1, [(b"a", row(19)), (b"b", row(21))]))
    assert store.read(0, [b"a", b"b"]) == [row(20), row(21)]


def test_a_copy_that_is_started_anew_forgets_how_far_its_rows_reached(open_store: OpenStore) -> None:
    store = open_store(source_offsets=source_offsets)
    store.write(0, [b"a"], [row(20)], 5)
    store.start_anew(0, "the topic was made anew")
    store.apply(0, rows_from(0, [(b"a", row(1)), (b"a", row(2))]))
    assert store.read(0, [b"a"]) == [row(2)]
    assert store._position(0, 1) == b"1 2"


def test_a_partition_that_is_not_kept_is_closed_and_keeps_its_rows(open_store: OpenStore) -> None:
    store = open_store()
    store.write(0, [b"a"], [b"zero"], 1)
    store.write(1, [b"a"], [b"one"], 1)
    store.keep({1})
    assert open_store().read(0, [b"a"]) == [b"zero"]  # RocksDB locks its folder: this opens only what was closed
    assert store.read(1, [b"a"]) == [b"one"]


def test_a_global_table_stays_open_whatever_is_kept(open_store: OpenStore) -> None:
    store = open_store(shared=True)
    store.write(0, [b"a"], [b"zero"], 1)
    store.keep(set())
    with pytest.raises(StateDamaged):
        open_store(shared=True).read(0, [b"a"])


def test_starting_anew_sets_the_old_copy_aside_and_is_empty(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store()
    store.write(0, [b"a"], [b"1"], 5)
    store.start_anew(0, "the topic was made anew")
    assert store.read(0, [b"a"]) == [None]
    assert store.persisted_offset(log_tp(0)) is None
    assert [path.name.split("-")[0] for path in (tmp_path / "rows").iterdir() if path.name != "0"] == ["0.damaged"]


def cut(path: Path) -> None:
    """Half of the file is gone."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a table file is cut": lambda folder: cut(next(folder.glob("*.sst"))),
    "a table file is gone": lambda folder: next(folder.glob("*.sst")).unlink(),
    "the manifest is gone": lambda folder: next(folder.glob("MANIFEST-*")).unlink(),
    "the manifest is noise": lambda folder: next(folder.glob("MANIFEST-*")).write_bytes(b"\x13" * 500),
    "CURRENT is empty": lambda folder: (folder / "CURRENT").write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_is_set_aside_with_one_line_and_recovered_from_the_beginning(
    open_store: OpenStore, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    store = open_store()
    store.write(0, [b"%d" % i for i in range(500)], [b"row" * 50] * 500, 499)
    store.close()
    DAMAGES[damage](tmp_path / "rows" / "0")
    again = open_store()
    assert again.persisted_offset(log_tp(0)) is None
    assert again.read(0, [b"7"]) == [None]
    lines = [line for line in caplog.messages if "cannot be used" in line]
    assert len(lines) == 1
    assert str(tmp_path / "rows" / "0") in lines[0]


def test_a_manifest_that_was_cut_opens_at_an_earlier_state_whose_offset_says_so(
    open_store: OpenStore, tmp_path: Path
) -> None:
    store = open_store()
    store.write(0, [b"%d" % i for i in range(500)], [b"row" * 50] * 500, 499)
    store.close()
    cut(next((tmp_path / "rows" / "0").glob("MANIFEST-*")))
    again = open_store()
    assert again.persisted_offset(log_tp(0)) is None
    assert again.read(0, [b"7"]) == [None]


def test_damage_that_shows_only_when_it_is_read_is_mended_by_the_next_start(
    open_store: OpenStore, tmp_path: Path
) -> None:
    store = open_store()
    store.write(0, [b"%05d" % i for i in range(20_000)], [os.urandom(100) for _ in range(20_000)], 19_999)
    store.close()
    table = next((tmp_path / "rows" / "0").glob("*.sst"))
    content = bytearray(table.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 59_000] = bytes(59_000)
    table.write_bytes(content)
    damaged = open_store()
    assert damaged.persisted_offset(log_tp(0)) == 19_999  # the file is as long as it was, so it opens
    with pytest.raises(StateDamaged, match="cannot be read"):
        damaged.read(0, [b"%05d" % i for i in range(20_000)])
    damaged.close()
    assert open_store().persisted_offset(log_tp(0)) is None


def test_a_folder_that_another_worker_uses_is_refused_with_its_name(open_store: OpenStore, tmp_path: Path) -> None:
    open_store().write(0, [b"a"], [b"1"], 1)
    with pytest.raises(StateDamaged, match="Another worker may be using it") as refused:
        open_store().read(0, [b"a"])
    assert str(tmp_path / "rows" / "0") in str(refused.value)


def test_reset_removes_the_local_copy_only(open_store: OpenStore) -> None:
    store = open_store()
    store.write(0, [b"a"], [b"1"], 1)
    store.reset_state()
    assert store.read(0, [b"a"]) == [None]
    assert store.persisted_offset(log_tp(0)) is None


def test_local_backups_are_refused_with_what_to_do_instead(open_store: OpenStore) -> None:
    with pytest.raises(ConfigError, match="to rebuild it"):
        open_store().restore_backup(log_tp(0))


def test_the_keys_of_a_partition_are_its_rows_without_our_own_entry(open_store: OpenStore) -> None:
    store = open_store()
    store.write(0, [b"a", b"b", b"\x00own"], [b"1", b"2", b"3"], 2)
    store.write(0, [b"b"], [None], 3)
    store.write(1, [b"c"], [b"4"], 0)
    assert sorted(store.keys_of(0)) == [b"\x00own", b"a"]
    assert store.keys_of(1) == [b"c"]


def test_pages_follow_one_another_by_key_without_the_stores_own_records(open_store: OpenStore) -> None:
    store = open_store()
    keys = [b"%03d" % number for number in range(10)]
    store.write(0, keys, [b"row"] * 10, 9)
    first = store.page(0, b"", 4)
    assert first == [(key, b"row") for key in keys[:4]]
    assert [key for key, _ in store.page(0, first[-1][0], 4)] == keys[4:8]
    assert [key for key, _ in store.page(0, keys[7], 4)] == keys[8:]
    assert store.page(1, b"", 4) == []
