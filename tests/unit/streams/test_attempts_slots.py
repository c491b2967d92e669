"""The file behind the attempts journal: what was written is read again, whatever part of a later write was done."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.attempts.slots import HEAD, SLOT, Slots


def written(path: Path, *contents: bytes) -> bytes:
    """The file's bytes after these writes."""
    slots = Slots(path)
    for content in contents:
        assert slots.write(content)
    slots.close()
    return path.read_bytes()


def read(path: Path) -> tuple[bytes, bool]:
    """What a new process finds: the content, and whether the file was something else."""
    slots = Slots(path)
    slots.close()
    return slots.content, slots.foreign


def test_a_new_file_is_empty_and_not_foreign(tmp_path: Path) -> None:
    assert read(tmp_path / "sub" / "journal") == (b"", False)
    assert read(tmp_path / "sub" / "journal") == (b"", False)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_the_last_of_several_writes_is_what_is_read(tmp_path: Path, count: int) -> None:
    written(tmp_path / "journal", *[b"content %d" % i for i in range(count)])
    assert read(tmp_path / "journal") == (b"content %d" % (count - 1), False)


def test_a_write_after_reading_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, b"a", b"b")
    written(path, b"c")
    assert read(path) == (b"c", False)


@given(before=st.binary(max_size=40), after=st.binary(max_size=40), done=st.floats(0, 1), data=st.data())
def test_a_torn_write_gives_the_content_before_it_or_the_new_one(
    tmp_path_factory: pytest.TempPathFactory, before: bytes, after: bytes, done: float, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("torn") / "journal"
    old = written(path, b"first", before)
    new = written(path, after)
    touched = [start + i for start in (0, SLOT) for i in range(HEAD.size + 40)]
    changed = [i for i in touched if old[i] != new[i]]
    done_bytes = set(data.draw(st.permutations(changed))[: int(done * len(changed))])  # in no order at all
    torn = bytearray(old)
    for i in done_bytes:
        torn[i] = new[i]
    path.write_bytes(torn)
    assert read(path) in ((before, False), (after, False))


def test_a_file_of_another_size_is_foreign_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"hello")
    assert read(path) == (b"", True)
    assert read(path) == (b"", False)


@pytest.mark.parametrize("slot", [0, 1])
def test_damage_in_both_slots_is_told(tmp_path: Path, slot: int) -> None:
    path = tmp_path / "journal"
    raw = bytearray(written(path, *[b"content"] * (slot + 1)))
    for start in (0, SLOT):
        raw[start + HEAD.size] ^= 0xFF
    path.write_bytes(raw)
    assert read(path) == (b"", True)


def test_what_does_not_fit_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    slots = Slots(path)
    assert slots.write(b"x" * (SLOT - HEAD.size))
    assert not slots.write(b"x" * SLOT)
    slots.close()
    assert read(path)[0] == b"x" * (SLOT - HEAD.size)
