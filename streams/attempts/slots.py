"""A few bytes that outlive the process: a memory-mapped file with two slots, written in turn.

What is written lies in the kernel's memory at once, so it survives whatever ends the process: SIGKILL, a segmentation
fault, os._exit. Nothing waits for the disk; after a power cut the file may be old or damaged, which is told by its
checksum and costs a few attempts, never a record. A slot is written only while the other one is whole.
"""

import mmap
import struct
import zlib
from contextlib import suppress
from pathlib import Path

MAGIC = b"shelfatt"
SLOT = 256 * 1024
HEAD = struct.Struct("<8sQII")  # magic, number of the write, length, CRC-32 of number and content


class Slots:
    """The file of one writer; `content` is what was last written, `foreign` tells that it held something else.

    Errors: OSError if the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        with path.open("r+b") as file:
            size = path.stat().st_size
            self.foreign = size not in (0, 2 * SLOT)
            if size != 2 * SLOT:
                # All of it now: a write into a hole of a mapped file kills the process when the disk is full.
                file.truncate(0)
                file.write(bytes(2 * SLOT))
                file.flush()
            self._map = mmap.mmap(file.fileno(), 2 * SLOT)
        self._number = 0
        self.content = b""
        for slot in (0, 1):
            number, content = self._slot(slot)
            if number > self._number:
                self._number, self.content = number, content
        written = any(any(self._map[start : start + HEAD.size]) for start in (0, SLOT))
        self.foreign = self.foreign or (written and not self._number)

    def write(self, content: bytes) -> bool:
        """Replace the content; False if it does not fit, and the content is as before."""
        if len(content) > SLOT - HEAD.size:
            return False
        number = self._number = self._number + 1
        start = number % 2 * SLOT
        self._map[start + HEAD.size : start + HEAD.size + len(content)] = content
        HEAD.pack_into(self._map, start, MAGIC, number, len(content), _checksum(number, content))
        return True

    def close(self) -> None:
        """Unmap the file; what it says stays."""
        with suppress(ValueError):
            self._map.close()

    def _slot(self, slot: int) -> tuple[int, bytes]:
        """Number and content of a slot; number 0 if it holds nothing that can be trusted."""
        start = slot * SLOT
        magic, number, length, checksum = HEAD.unpack_from(self._map, start)
        content = self._map[start + HEAD.size : start + HEAD.size + length]
        whole = magic == MAGIC and number % 2 == slot and length == len(content)
        return (number, content) if whole and checksum == _checksum(number, content) else (0, b"")


def _checksum(number: int, content: bytes) -> int:
    return zlib.crc32(content, number & 0xFFFFFFFF)
