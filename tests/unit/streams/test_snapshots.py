"""Snapshots of real databases: what is copied back is what was there, and nothing that is doubtful is used."""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from faust.types import TP

from streams.metrics.declared import SNAPSHOTS
from streams.state.options import Rocks
from streams.state.snapshots import MANIFEST, TEMPORARY, Manifest, Snapshots
from streams.state.store import RowStore
from streams.state.taker import SnapshotTaker
from tests.unit.streams.making import NOW_MS

MIB = 1024 * 1024
LOG = TP("user-state", 0)
DAY_S = 86_400


class World:
    """A store, a shared folder of snapshots and a clock."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "shared"
        self.now = NOW_MS
        self.snapshots = Snapshots(self.folder, lambda: self.now, DAY_S)
        self._rocks, self._stores, self._tmp = Rocks(8 * MIB, 8 * MIB), list[RowStore](), tmp_path

    def store(self, name: str) -> RowStore:
        table: Any = SimpleNamespace(is_global=False, name="rows")
        app: Any = SimpleNamespace(conf=SimpleNamespace(), loop=None)
        made = RowStore(self._rocks, self._tmp / name, "rocksdb://", app, table, on_recovered=lambda _: None)
        self._stores.append(made)
        return made

    def take(self, store: RowStore) -> Path:
        """One snapshot, a second after the last."""
        self.now += 1_000
        before = set(self.all())
        SnapshotTaker(self.snapshots, dict, 60).take(LOG, store)
        (made,) = set(self.all()) - before
        return made

    def all(self) -> list[Path]:
        return sorted((self.folder / LOG.topic / "0").glob("*"))

    def restore(self, name: str = "other", first: int = 0, end: int = 1_000_000) -> RowStore | None:
        """Another worker's store, begun from the newest snapshot that will do."""
        store = self.store(name)
        copy = store.place_for_copy(0)
        if self.snapshots.copy_newest(LOG, first, end, copy) is None:
            assert not copy.exists()
            return None
        store.adopt(0, copy)
        return store

    def close(self) -> None:
        for store in self._stores:
            store.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def fill(store: RowStore, first: int, count: int) -> None:
    """Rows of these numbers, of which noise keeps compression away, flushed to a table of their own."""
    numbers = range(first, first + count)
    store.write(0, [b"k%d" % i for i in numbers], [b"v%d-" % i + os.urandom(200) for i in numbers], first + count - 1)
    store._database(0).flush()


def test_a_snapshot_has_the_rows_and_the_offset_of_its_moment(world: World) -> None:
    store = world.store("own")
    fill(store, 0, 500)
    world.take(store)
    kept = store.read(0, [b"k0", b"k499"])
    store.write(0, [b"k0"], [b"later"], 500)
    other = world.restore()
    assert other is not None
    assert other.persisted_offset(LOG) == 499
    assert other.read(0, [b"k0", b"k499"]) == kept
    assert store.read(0, [b"k0"]) == [b"later"]


def test_rows_that_were_not_flushed_are_in_the_snapshot(world: World) -> None:
    store = world.store("own")
    store.write(0, [b"a"], [b"1"], 7)
    world.take(store)
    other = world.restore()
    assert other is not None
    assert (other.read(0, [b"a"]), other.persisted_offset(LOG)) == ([b"1"], 7)


def test_the_restored_copy_can_be_written_and_leaves_the_snapshot_as_it_was(world: World) -> None:
    store = world.store("own")
    fill(store, 0, 500)
    world.take(store)
    first = world.restore("first")
    assert first is not None
    fill(first, 0, 2_000)
    first._database(0).compact_range(None, None)
    first.close()
    second = world.restore("second")
    assert second is not None
    assert second.read(0, [b"k3"]) == store.read(0, [b"k3"])


def test_the_last_two_are_kept_and_share_what_did_not_change(world: World) -> None:
    store = world.store("own")
    for i in range(4):
        fill(store, i * 500, 500)
        world.take(store)
    older, newer = world.all()
    assert [path.name.split("-")[1].lstrip("0") for path in (older, newer)] == ["1499", "1999"]
    shared = {path.name for path in older.glob("*.sst")} & {path.name for path in newer.glob("*.sst")}
    assert shared
    assert all((older / name).stat().st_ino == (newer / name).stat().st_ino for name in shared)


def test_a_table_is_linked_to_the_snapshot_before_where_the_state_is_on_another_disk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.store("own")
    fill(store, 0, 500)
    link = os.link

    def refuse(source: Path, target: Path) -> None:
        if world.folder not in Path(source).parents:
            raise OSError("another file system")
        link(source, target)

    monkeypatch.setattr("streams.state.snapshots.os.link", refuse)
    first = world.take(store)
    store.write(0, [b"a"], [b"1"], 500)
    second = world.take(store)
    copied = next(iter(first.glob("*.sst")))
    assert copied.stat().st_ino == (second / copied.name).stat().st_ino
    monkeypatch.undo()
    other = world.restore()
    assert other is not None
    assert other.read(0, [b"a"]) == [b"1"]


def edit(path: Path, **changes: Any) -> None:
    """Change the manifest."""
    manifest = msgspec.json.decode((path / MANIFEST).read_bytes(), type=Manifest)
    (path / MANIFEST).write_bytes(msgspec.json.encode(msgspec.structs.replace(manifest, **changes)))


def flip(path: Path) -> None:
    """One bit of one table, which is as long as it was. A copy: the state may have links to it."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


DOUBTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a table is gone": (lambda path: next(path.glob("*.sst")).unlink(), "cannot be copied"),
    "a bit has changed": (lambda path: flip(next(path.glob("*.sst"))), "checksum"),
    "the manifest is gone": (lambda path: (path / MANIFEST).unlink(), "manifest cannot be read"),
    "the manifest is noise": (lambda path: (path / MANIFEST).write_bytes(b"\x13{"), "manifest cannot be read"),
    "of another format": (lambda path: edit(path, format=9), "format 9"),
    "of another topic": (lambda path: edit(path, topic="other"), r"of other\[0\]"),
    "of another partition": (lambda path: edit(path, partition=3), r"user-state\[3\]"),
    "past the changelog's end": (lambda path: edit(path, offset=1_000_000), "ends at 1000000"),
    "before the changelog's beginning": (lambda path: edit(path, offset=50), "begins at 100"),
    "of last week": (lambda path: edit(path, created_ms=NOW_MS - 8 * DAY_S * 1000), "older than 24 hours"),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_a_doubtful_snapshot_is_refused_with_one_line_and_the_one_before_it_is_used(
    world: World, caplog: pytest.LogCaptureFixture, doubt: str
) -> None:
    spoil, reason = DOUBTS[doubt]
    store = world.store("own")
    fill(store, 0, 500)
    world.take(store)
    fill(store, 500, 500)
    newest = world.take(store)
    spoil(newest)
    other = world.restore(first=100)
    assert other is not None
    assert other.persisted_offset(LOG) == 499
    (line,) = [line for line in caplog.messages if "is not used" in line]
    assert str(newest) in line
    assert re.search(reason, line)


def test_without_a_snapshot_that_can_be_used_nothing_is_left_behind(world: World) -> None:
    store = world.store("own")
    fill(store, 0, 500)
    flip(next(world.take(store).glob("*.sst")))
    assert world.restore() is None


def test_there_is_nothing_to_begin_from_before_the_first_snapshot(world: World) -> None:
    assert world.restore() is None


def test_a_partition_without_an_offset_or_closed_has_no_snapshot(world: World) -> None:
    store = world.store("own")
    taker = SnapshotTaker(world.snapshots, dict, 60)
    taker.take(LOG, store)
    store.read(0, [b"a"])
    taker.take(LOG, store)
    assert world.all() == []


def test_a_folder_that_cannot_be_written_is_told_and_the_stream_goes_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.folder.write_text("not a folder")
    store = world.store("own")
    fill(store, 0, 10)
    failed = SNAPSHOTS.labels("rows", "failed")
    before = failed._value.get()
    SnapshotTaker(world.snapshots, dict, 60).take(LOG, store)
    assert failed._value.get() == before + 1
    assert any("no snapshot of user-state[0]" in line for line in caplog.messages)
    assert store.read(0, [b"k1"]) != [None]


def test_what_a_worker_that_died_left_half_done_is_removed_in_time(world: World) -> None:
    store = world.store("own")
    fill(store, 0, 10)
    left = world.take(store).with_name(f"{TEMPORARY}old")
    left.mkdir()
    os.utime(left, (1, 1))
    world.take(store)
    assert not left.exists()


def test_the_taker_takes_what_is_active_until_it_is_closed(world: World) -> None:
    store = world.store("own")
    fill(store, 0, 10)
    active = {LOG: store}
    taker = SnapshotTaker(world.snapshots, lambda: active, 0.01)
    taker.start()
    deadline = time.monotonic() + 30
    while not world.all():
        assert time.monotonic() < deadline, "no snapshot was taken"
    taker.close()
    left = world.all()
    assert not taker._thread.is_alive()
    assert 1 <= len(left) <= 2
