"""Reading one picture by its address, never more bytes or seconds than allowed.

fsspec opens the store; what differs between stores is guarded here: HTTP follows no redirect and unpacks nothing, a
local file must be a regular one that lies below the prefix after all links are followed, and of clouds' stores (s3, gs,
az), whose packages have time limits and retries of their own, the whole read is given up in time.
"""

from __future__ import annotations

import os
import stat
import time
from asyncio import TimeoutError as AsyncTimeoutError
from pathlib import Path
from typing import IO, Any, cast

import aiohttp
import fsspec
from fsspec.asyn import AsyncFileSystem
from fsspec.exceptions import FSTimeoutError

from models.predict import ImageError
from streams.errors import ConfigError
from streams.images.addresses import ImageSources

_CHUNK = 64 * 1024  # bytes
_SLOW = (AsyncTimeoutError, FSTimeoutError, TimeoutError)
_REFUSED = (aiohttp.ClientError, OSError, ValueError, RuntimeError)


class ImageFetcher:
    """Reads pictures from the stores of its sources. Errors: ConfigError when a store's package is not installed."""

    def __init__(self, sources: ImageSources) -> None:
        self._sources = sources
        self._stores = {scheme: self._store(scheme) for scheme in {_scheme(prefix) for prefix in sources.prefixes}}

    def fetch(self, uri: str) -> bytes:
        """The bytes at `uri`. Errors: ImageError: not_allowed, not_found, unreachable, too_many_bytes, empty."""
        prefix = self._sources.prefix_of(uri)
        scheme = _scheme(uri)
        options: dict[str, Any] = {}
        if scheme == "file":
            _check_file(Path(uri.removeprefix("file://")), Path(prefix.removeprefix("file://")))
        elif scheme in ("http", "https"):
            # size: any number spares a question for it beforehand; block_size 0: one answer, read as it comes.
            options = {"block_size": 0, "size": 1, "allow_redirects": False}
        store = self._stores[scheme]
        try:
            if isinstance(store, AsyncFileSystem) and scheme not in ("http", "https"):
                most = self._sources.max_bytes + 1
                return self._whole(store.cat_file(uri, start=0, end=most, timeout=self._sources.timeout_s), uri)
            with store.open(uri, "rb", **options) as file:
                _check_answer(file, uri)
                return self._read(file, uri)
        except FileNotFoundError as error:
            raise ImageError("not_found", f"there is nothing at {uri!r}") from error
        except _SLOW as error:
            raise ImageError("unreachable", f"{uri!r} was not read within {self._sources.timeout_s} s") from error
        except _REFUSED as error:
            raise ImageError("unreachable", f"{uri!r} cannot be read: {error!r}") from error

    def _read(self, file: IO[bytes], uri: str) -> bytes:
        most, until = self._sources.max_bytes, time.monotonic() + self._sources.timeout_s
        read = bytearray()
        while chunk := file.read(min(_CHUNK, most + 1 - len(read))):
            read += chunk
            if len(read) > most:
                break
            if time.monotonic() > until:
                raise ImageError("unreachable", f"{uri!r} was not read within {self._sources.timeout_s} s")
        return self._whole(bytes(read), uri)

    def _whole(self, read: bytes, uri: str) -> bytes:
        if len(read) > self._sources.max_bytes:
            raise ImageError("too_many_bytes", f"{uri!r} has more than {self._sources.max_bytes} bytes")
        if not read:
            raise ImageError("empty", f"{uri!r} has no bytes")
        return read

    def _store(self, scheme: str) -> Any:
        options: dict[str, Any] = {}
        if scheme in ("http", "https"):
            timeout = aiohttp.ClientTimeout(total=self._sources.timeout_s)
            options = {"client_kwargs": {"timeout": timeout, "auto_decompress": False, "trust_env": False}}
        try:
            return fsspec.filesystem(scheme, **options)
        except ImportError as error:
            raise ConfigError(f"pictures from {scheme}:// need a package that is not installed: {error}") from error


def _scheme(uri: str) -> str:
    return uri.partition("://")[0]


def _check_file(file: Path, folder: Path) -> None:
    try:
        place = Path(os.path.realpath(file, strict=True))
        regular = stat.S_ISREG(place.stat().st_mode)
    except OSError as error:
        raise ImageError("not_found", f"{file} cannot be read: {error.strerror}") from error
    if not place.is_relative_to(os.path.realpath(folder)):
        raise ImageError("not_allowed", f"{file} is a link that leads out of {folder}")
    if not regular:
        raise ImageError("not_allowed", f"{file} is not a regular file")  # reading a pipe could wait for ever


def _check_answer(file: IO[bytes], uri: str) -> None:
    """An answer over HTTP that points elsewhere is none: where it points was never allowed."""
    answer = cast(Any, getattr(file, "r", None))
    if answer is not None and 300 <= answer.status < 400:
        raise ImageError("not_allowed", f"{uri!r} redirects (status {answer.status}), which is not followed")
