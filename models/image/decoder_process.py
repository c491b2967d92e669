"""The process that decodes untrusted pictures: `python -m models.image.decoder_process`, one after the other.

    out   READY once: the libraries are there
    in    length (4 bytes, little-endian), the bytes of a picture
    out   0x00, SIDE x SIDE x 3 bytes of pixels;  or 0x01, length, "reason\\ndetail" as UTF-8

It ends when its input does. It can have no more memory than decoding needs, and leaves no core file.
"""

from __future__ import annotations

import resource
import struct
import sys
from typing import BinaryIO

LENGTH = struct.Struct("<I")
READY, PIXELS, REFUSED = b"\x02", b"\x00", b"\x01"
MEMORY_BYTES = 1024 * 1024 * 1024  # of address space: the libraries have half of it, a picture takes 100 MiB at most


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer until the input ends."""
    from models.image.decode import decode
    from models.image.errors import ImageError

    sink.write(READY)
    sink.flush()
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        data = source.read(LENGTH.unpack(head)[0])
        try:
            sink.write(PIXELS + decode(data).tobytes())
        except ImageError as error:
            told = f"{error.reason}\n{error.detail}".encode("utf-8", "replace")
            sink.write(REFUSED + LENGTH.pack(len(told)) + told)
        sink.flush()


def main() -> None:
    """Bound what this process may take, then serve."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
