"""Rows in RocksDB, in a real database: what is written together is there together, after a close too."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.errors import ConfigError, StateDamaged
from streams.state.options import Rocks
from streams.state.store import RowStore
from streams.transport.runs import RecordRun
from tests.unit.streams.making import record

MIB = 1024 * 1024
SOURCE = "events"
CHANGELOG = "changelog"

OpenStore = Callable[..., RowStore]


def log_tp(partition: int) -> TP:
    """A partition of the changelog."""
    return TP(CHANGELOG, partition)


class App:
    """What the store asks Faust's app."""

    def __init__(self) -> None:
        self.in_recovery = True
        self.conf = SimpleNamespace()
        self.loop = None


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def recovered() -> list[int]:
    """How many rows each applied run had."""
    return []


@pytest.fixture
def open_store(tmp_path: Path, app: App, recovered: list[int]) -> Iterator[OpenStore]:
    rocks, stores = Rocks(8 * MIB, 8 * MIB), []

    def make(*, shared: bool = False, folder: Path = tmp_path / "rows") -> RowStore:
        topic = SimpleNamespace(topics=[CHANGELOG])
        table = SimpleNamespace(is_global=shared, changelog_topic=topic, name="rows")
        store = RowStore(rocks, folder, SOURCE, "rocksdb://", app, table, on_recovered=recovered.append)
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.close()


def changelog_run(partition: int, start: int, rows: Sequence[tuple[bytes, bytes | None]]) -> Any:
    """An event as Faust's recovery gives it: its message's value is a run."""
    tp = log_tp(partition)
    records = [record(tp, start + i, key, value) for i, (key, value) in enumerate(rows)]
    return SimpleNamespace(message=SimpleNamespace(value=RecordRun(tp, records)))


def apply(store: RowStore, *runs: Any) -> None:
    """As Faust's recovery calls it."""
    store.apply_changelog_batch(runs, to_key=bytes, to_value=bytes)


def assign(store: RowStore, app: App, actives: set[int], standbys: Sequence[int] = ()) -> None:
    """Tell the store about an assignment, as Faust does before it recovers: source and changelog of the actives."""
    assigned = {log_tp(partition) for partition in (*actives, *standbys)}
    assigned |= {TP(SOURCE, partition) for partition in actives}
    asyncio.run(store.on_rebalance(assigned, set(), assigned))


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
    apply(store, changelog_run(0, 5, [(b"a", b"1"), (b"b", b"2"), (b"a", None)]), changelog_run(1, 3, [(b"a", b"9")]))
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
    apply(store, changelog_run(0, 100, rows))
    assert store.read(0, [key for key, _ in rows]) == [row for _, row in rows]
    assert store.persisted_offset(log_tp(0)) == 149
    assert recovered == [50]


def test_the_echo_of_an_own_write_does_not_put_an_older_row_over_a_newer_one(open_store: OpenStore, app: App) -> None:
    store = open_store(shared=True)
    assign(store, app, {0})
    app.in_recovery = False
    store.write(0, [b"a"], [b"newer"], 8)
    apply(store, changelog_run(0, 5, [(b"a", b"older")]))
    assert store.read(0, [b"a"]) == [b"newer"]
    assert store.persisted_offset(log_tp(0)) == 8


def test_rows_of_other_workers_reach_a_global_table_after_recovery(open_store: OpenStore, app: App) -> None:
    store = open_store(shared=True)
    assign(store, app, {0})
    app.in_recovery = False
    apply(store, changelog_run(1, 5, [(b"a", b"from elsewhere")]))
    assert store.read(0, [b"a"]) == [b"from elsewhere"]


def test_a_revoked_partition_is_closed_and_keeps_its_rows(open_store: OpenStore, app: App) -> None:
    store = open_store()
    assign(store, app, {0, 1})
    store.write(0, [b"a"], [b"zero"], 1)
    store.write(1, [b"a"], [b"one"], 1)
    assign(store, app, {1})
    assert open_store().read(0, [b"a"]) == [b"zero"]  # RocksDB locks its folder: this opens only what was closed
    assert store.read(1, [b"a"]) == [b"one"]


def test_a_standby_partition_stays_open(open_store: OpenStore, app: App) -> None:
    store = open_store()
    assign(store, app, {0})
    store.write(0, [b"a"], [b"zero"], 1)
    assign(store, app, set(), {0})
    apply(store, changelog_run(0, 2, [(b"b", b"of the new owner")]))
    assert store.read(0, [b"a", b"b"]) == [b"zero", b"of the new owner"]


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
