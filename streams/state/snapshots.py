"""Copies of a partition's rows outside the worker's own disk: recovery takes one and reads only what came after it.

    <folder>/<changelog topic>/<partition>/<when, ms>-<offset>/manifest.json, CURRENT, MANIFEST-..., *.sst

A snapshot is a RocksDB checkpoint. It has a temporary name until it is whole; its manifest lists every file with size
and checksum. On the worker's own file system its tables are hard links, elsewhere they are copied; a table that the
snapshot before it has too is linked to that one, so a snapshot costs what changed since.
"""

import logging
import os
import shutil
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from faust.types import TP

from streams.clock import Clock

log = logging.getLogger(__name__)
FORMAT = 1
KEPT = 2  # of each partition: the newest may turn out to be damaged
MANIFEST = "manifest.json"
TEMPORARY = ".tmp-"
ABANDONED_S = 3_600  # a temporary folder that is as old was left by a worker that died
PIECE_BYTES = 1024 * 1024


class SnapshotFile(msgspec.Struct, frozen=True):
    """One file of a snapshot."""

    name: str
    size: int
    crc32: int


class Manifest(msgspec.Struct, frozen=True):
    """What a snapshot is of. It has the rows up to `offset` of the changelog, or some more."""

    format: int
    topic: str
    partition: int
    offset: int
    created_ms: int
    files: list[SnapshotFile]


class SnapshotRefused(Exception):
    """A snapshot that cannot be used; says why."""


class Snapshots:
    """Those in one folder, which workers may share. `max_age_s`: older ones are refused."""

    def __init__(self, folder: Path, clock: Clock, max_age_s: float) -> None:
        self._folder = folder
        self._clock = clock
        self._max_age_ms = int(max_age_s * 1000)
        self._checksums: dict[tuple[int, int, int], int] = {}  # of tables, which never change, by inode, size, time

    def add(self, checkpoint: Path, tp: TP, offset: int) -> Path:
        """Keep this checkpoint, which holds the changelog up to `offset`, and remove what is too many.

        Errors: OSError.
        """
        place = self._place(tp)
        place.mkdir(parents=True, exist_ok=True)
        before = self._files_of_newest(place)
        created = self._clock()
        made = place / f"{TEMPORARY}{uuid.uuid4().hex}"
        made.mkdir()
        try:
            files = []
            for path in sorted(checkpoint.iterdir()):
                file = SnapshotFile(path.name, path.stat().st_size, self._checksum(path))
                _link_or_copy(before.get(file, path), made / path.name)
                files.append(file)
            manifest = Manifest(FORMAT, tp.topic, tp.partition, offset, created, files)
            (made / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
            whole = made.rename(place / f"{created:013d}-{offset:020d}")
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        for old in _whole(place)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
        self._remove_abandoned(place)
        return whole

    def copy_newest(self, tp: TP, first: int, end: int, into: Path) -> Manifest | None:
        """Copy the newest snapshot that is whole and fits a changelog of these offsets into a new folder.

        One that cannot be used is told in the log, and the one before it is tried. None if there is no other.
        """
        try:
            found = _whole(self._place(tp))
        except OSError as error:
            log.warning("the snapshots of %s[%d] cannot be listed: %s", tp.topic, tp.partition, error)
            return None
        for path in found:
            try:
                manifest = self._read(path, tp, first, end)
                self._copy(path, manifest, into)
                return manifest
            except SnapshotRefused as error:
                log.warning("the snapshot %s is not used: %s", path, error)
                shutil.rmtree(into, ignore_errors=True)
        return None

    def _read(self, path: Path, tp: TP, first: int, end: int) -> Manifest:
        try:
            manifest = msgspec.json.decode((path / MANIFEST).read_bytes(), type=Manifest)
        except (OSError, msgspec.MsgspecError) as error:
            raise SnapshotRefused(f"its manifest cannot be read ({error})") from error
        where = f"{tp.topic}[{tp.partition}]"
        if manifest.format != FORMAT:
            raise SnapshotRefused(f"it has format {manifest.format}, this worker reads {FORMAT}")
        if (manifest.topic, manifest.partition) != (tp.topic, tp.partition):
            raise SnapshotRefused(f"it is of {manifest.topic}[{manifest.partition}], not of {where}")
        if manifest.offset >= end:
            raise SnapshotRefused(f"it reaches offset {manifest.offset} of {where}, which ends at {end}")
        if manifest.offset + 1 < first:
            raise SnapshotRefused(f"it reaches offset {manifest.offset} of {where}, which begins at {first} by now")
        if self._clock() - manifest.created_ms > self._max_age_ms:
            raise SnapshotRefused(
                f"it is older than {self._max_age_ms // 3_600_000} hours, and the changelog may have forgotten "
                "deletions that came after it"
            )
        return manifest

    def _copy(self, path: Path, manifest: Manifest, into: Path) -> None:
        try:
            into.mkdir(parents=True)
            for file in manifest.files:
                source = path / file.name
                size, checksum = source.stat().st_size, self._checksum(source, remember=False)
                if (size, checksum) != (file.size, file.crc32):
                    raise SnapshotRefused(
                        f"{file.name} has {size} bytes and checksum {checksum:08x}, its manifest says {file.size} and "
                        f"{file.crc32:08x}"
                    )
                _link_or_copy(source, into / file.name)
        except OSError as error:
            raise SnapshotRefused(f"it cannot be copied to {into} ({error})") from error

    def _files_of_newest(self, place: Path) -> dict[SnapshotFile, Path]:
        for path in _whole(place):
            try:
                manifest = msgspec.json.decode((path / MANIFEST).read_bytes(), type=Manifest)
            except (OSError, msgspec.MsgspecError):
                continue
            return {file: path / file.name for file in manifest.files if (path / file.name).is_file()}
        return {}

    def _checksum(self, path: Path, *, remember: bool = True) -> int:
        status = path.stat()
        known = (status.st_ino, status.st_size, status.st_mtime_ns)
        if remember and known in self._checksums:
            return self._checksums[known]
        checksum = 0
        with path.open("rb") as file:
            for piece in iter(lambda: file.read(PIECE_BYTES), b""):
                checksum = zlib.crc32(piece, checksum)
        if remember and is_table(path):
            if len(self._checksums) > 100_000:
                self._checksums.clear()  # tables that compaction has removed since
            self._checksums[known] = checksum
        return checksum

    def _remove_abandoned(self, place: Path) -> None:
        for path in place.glob(f"{TEMPORARY}*"):
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(path, ignore_errors=True)

    def _place(self, tp: TP) -> Path:
        return self._folder / tp.topic / str(tp.partition)


def is_table(path: Path) -> bool:
    """Whether it is a file that RocksDB writes once, and never again."""
    return path.suffix in (".sst", ".blob")


def _whole(place: Path) -> list[Path]:
    """The snapshots of a partition, the newest first."""
    return sorted(_folders(place), key=lambda path: path.name, reverse=True)


def _folders(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from (path for path in place.iterdir() if path.is_dir() and not path.name.startswith(TEMPORARY))


def _link_or_copy(source: Path, target: Path) -> None:
    """Tables are linked where that can be done; the other files are written again by whoever opens the database."""
    if is_table(source):
        try:
            os.link(source, target)
            return
        except OSError:  # another file system, or one without links
            pass
    shutil.copyfile(source, target)
