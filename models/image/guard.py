"""Untrusted pictures are decoded in a process of its own: what kills it, or keeps it too long, costs one picture.

`models.image.decode` bounds memory and work by what a picture says of itself. Decoders are written in C, though, and a
picture may be made to break them; then it is this process that dies, and another is started for the next picture.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from models.image.decode import SIDE
from models.image.decoder_process import LENGTH, PIXELS, READY
from models.image.errors import ImageError, ImageReason
from schemas.events import MAX_IMAGE_BYTES

_PROGRAM = "models.image.decoder_process"
_START_S = 60.0  # a process on a busy machine, with its imports
_SIZE = SIDE * SIDE * 3


class GuardedDecoder:
    """`decode` in another process, at most `timeout_s` seconds for one picture. One picture at a time; any thread."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """As `models.image.decode.decode`. Errors: its ImageError; broken is also what killed or held the process.

        RuntimeError when the process cannot be started, for which no picture is to blame.
        """
        if len(data) > MAX_IMAGE_BYTES:
            raise ImageError("too_many_bytes", f"the picture has {len(data)} bytes, at most {MAX_IMAGE_BYTES} are read")
        with self._lock:
            try:
                process = self._process or self._start()
                return _ask(process, data, time.monotonic() + self._timeout_s)
            except TimeoutError as error:
                self._end()
                detail = f"decoding took longer than {self._timeout_s:g} s and was given up"
                raise ImageError("broken", detail) from error
            except (EOFError, OSError) as error:
                self._end()
                raise ImageError("broken", "the process that decoded it died of it") from error

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        """A process that is ready for a picture, whose own time begins only then."""
        paths = os.pathsep.join(path for path in sys.path if path)
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            bufsize=0,  # what waits in a buffer of ours could not be waited for with a limit
            start_new_session=True,  # a Ctrl-C is for us, who then end it
        )
        os.set_blocking(cast(IO[bytes], process.stdin).fileno(), False)
        try:
            if _read(cast(IO[bytes], process.stdout), 1, time.monotonic() + _START_S) != READY:
                raise EOFError
        except (TimeoutError, EOFError) as error:
            self._end()
            how = f"was not ready within {_START_S:g} s" if isinstance(error, TimeoutError) else "ended as it started"
            raise RuntimeError(f"the process that decodes pictures {how}") from error
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with process:  # closes the pipes, and waits
                pass


def _ask(process: subprocess.Popen[bytes], data: bytes, until: float) -> NDArray[np.uint8]:
    sink, source = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
    _write(sink, LENGTH.pack(len(data)) + data, until)
    if _read(source, 1, until) == PIXELS:
        pixels = np.frombuffer(_read(source, _SIZE, until), np.uint8)
        return pixels.reshape(SIDE, SIDE, 3)
    told = _read(source, LENGTH.unpack(_read(source, LENGTH.size, until))[0], until).decode("utf-8", "replace")
    reason, _, detail = told.partition("\n")
    raise ImageError(cast(ImageReason, reason), detail)


def _write(sink: IO[bytes], data: bytes, until: float) -> None:
    """All of it. Errors: TimeoutError, OSError when the process ended."""
    number, left = sink.fileno(), memoryview(data)
    while left:
        _wait(number, select.POLLOUT, until)
        left = left[os.write(number, left) :]


def _read(source: IO[bytes], size: int, until: float) -> bytes:
    """Exactly so many bytes. Errors: TimeoutError, EOFError when the process ended."""
    found = bytearray()
    while len(found) < size:
        _wait(source.fileno(), select.POLLIN, until)
        part = os.read(source.fileno(), size - len(found))
        if not part:
            raise EOFError
        found += part
    return bytes(found)


def _wait(number: int, what: int, until: float) -> None:
    poll = select.poll()
    poll.register(number, what)
    left = until - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError
