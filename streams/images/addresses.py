"""Which addresses of pictures may be read: those below a prefix that the operator named, and no other.

An event's `image_uri` is written by whoever sends events; what it may reach is the operator's word. So an address is
compared as it is written, and one whose meaning could differ from its letters is refused rather than interpreted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from models.predict import ImageError
from schemas.events import MAX_IMAGE_BYTES
from streams.errors import ConfigError

SCHEMES = ("file", "http", "https", "s3", "gs", "az", "abfs", "memory")  # stores of bytes; no archives, caches, chains

_NEVER = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\\#]|::")  # "::" chains file systems in fsspec
_DECODINGS = 4  # %252e%252e is .. after two; what still changes after four was not written by a shop


@dataclass(frozen=True, slots=True)
class ImageSources:
    """Where pictures may be read from. Errors: ConfigError when a prefix would allow more than it seems to."""

    prefixes: tuple[str, ...] = ()  # such as "https://images.shop.example/goods/"; none: no address is read
    timeout_s: float = 2.0  # seconds for one picture, from the look-up of the host to the last byte
    max_bytes: int = MAX_IMAGE_BYTES  # a longer picture is not read to its end

    def __post_init__(self) -> None:
        for prefix in self.prefixes:
            _check_prefix(prefix)
        if self.timeout_s <= 0 or self.max_bytes <= 0:
            raise ConfigError(f"timeout_s = {self.timeout_s}, max_bytes = {self.max_bytes}: both must be above 0")

    def prefix_of(self, uri: str) -> str:
        """The prefix that allows this address. Errors: ImageError, not_allowed, when none does."""
        _check_letters(uri)
        for prefix in self.prefixes:
            if uri.startswith(prefix) and len(uri) > len(prefix):
                return prefix
        raise ImageError("not_allowed", f"{uri[:200]!r} is below none of the allowed prefixes {list(self.prefixes)}")


def _check_prefix(prefix: str) -> None:
    parts = urlsplit(prefix)
    if parts.scheme not in SCHEMES or not prefix.startswith(f"{parts.scheme}://"):
        raise ConfigError(f"the image prefix {prefix!r} begins with none of {[f'{name}://' for name in SCHEMES]}")
    if not prefix.endswith("/"):
        # Else https://shop.example would allow https://shop.example.attacker.test and /goods would allow /goods-secret.
        raise ConfigError(f"the image prefix {prefix!r} must end with /, or it would allow names that only begin so")
    if parts.scheme not in ("file", "memory") and not parts.netloc:
        raise ConfigError(f"the image prefix {prefix!r} names no host or bucket")
    if parts.scheme == "file" and (parts.netloc or parts.path == "/"):
        raise ConfigError(f"the image prefix {prefix!r} must be file:/// and a folder below the root")
    if "@" in parts.netloc or parts.query:
        raise ConfigError(f"the image prefix {prefix!r} must hold neither a user nor a query")
    try:
        _check_letters(prefix)
    except ImageError as error:
        raise ConfigError(f"the image prefix {prefix!r} cannot be used: {error.detail}") from error


def _check_letters(uri: str) -> None:
    """Refuse what could lead elsewhere than it reads: control characters, backslashes, . and .. however encoded."""
    decoded = uri
    for _ in range(_DECODINGS):
        if _NEVER.search(decoded):
            raise ImageError("not_allowed", f"{uri[:200]!r} holds a blank, control character, backslash, # or ::")
        if any(part in (".", "..") for part in re.split(r"[/?;]", decoded)):
            raise ImageError("not_allowed", f"{uri[:200]!r} holds . or .. as a part of its path")
        again = unquote(decoded)
        if again == decoded:
            return
        decoded = again
    raise ImageError("not_allowed", f"{uri[:200]!r} is percent-encoded {_DECODINGS} times or more")
