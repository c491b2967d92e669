"""Pictures by address: only below the allowed prefixes, by whatever trick the address is written, and within bounds."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from fsspec.asyn import AsyncFileSystem
from hypothesis import given
from hypothesis import strategies as st

from models.predict import ImageError
from schemas.events import MAX_IMAGE_BYTES
from streams.errors import ConfigError
from streams.images import ImageFetcher, ImageSources

PICTURE = b"\x89PNG not looked at here"
asked: list[str] = []


class Shop(BaseHTTPRequestHandler):
    """A shop's image server with bad manners."""

    def do_GET(self) -> None:
        asked.append(self.path)
        if self.path == "/goods/elsewhere.png":
            self.send_response(302)
            self.send_header("Location", "/secret/key.png")
            self.end_headers()
        elif self.path == "/goods/endless.png":
            self.send_response(200)
            self.end_headers()
            self._drip(b"x" * 65536, 0.0)
        elif self.path == "/goods/slow.png":
            self.send_response(200)
            self.end_headers()
            self._drip(b"x", 0.2)
        elif self.path in ("/goods/a.png", "/secret/key.png", "/goods/a.png?size=2", "/goods/100%25.png"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(PICTURE)))
            self.end_headers()
            self.wfile.write(PICTURE)
        else:
            self.send_error(500 if "broken" in self.path else 404)

    def _drip(self, piece: bytes, pause: float) -> None:
        try:
            for _ in range(200):
                self.wfile.write(piece)
                time.sleep(pause)
        except OSError:
            pass  # the reader had enough, as it should

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def fetcher(shop: str, tmp_path: Path) -> ImageFetcher:
    return ImageFetcher(ImageSources((f"{shop}/goods/", f"{tmp_path.as_uri()}/goods/"), timeout_s=1.5))


def reason(fetcher: ImageFetcher, uri: str) -> str:
    with pytest.raises(ImageError) as caught:
        fetcher.fetch(uri)
    return caught.value.reason


def test_a_picture_below_a_prefix_is_read(fetcher: ImageFetcher, shop: str, tmp_path: Path) -> None:
    assert fetcher.fetch(f"{shop}/goods/a.png") == PICTURE
    assert fetcher.fetch(f"{shop}/goods/a.png?size=2") == PICTURE
    (tmp_path / "goods").mkdir()
    (tmp_path / "goods" / "a b.png").write_bytes(PICTURE)
    (tmp_path / "goods" / "a.png").write_bytes(PICTURE)
    assert fetcher.fetch(f"{tmp_path.as_uri()}/goods/a.png") == PICTURE
    assert reason(fetcher, f"{tmp_path.as_uri()}/goods/a b.png") == "not_allowed"


@pytest.mark.parametrize(
    "written",
    [
        "{shop}/secret/key.png",
        "{shop}/goods/../secret/key.png",
        "{shop}/goods/%2e%2e/secret/key.png",
        "{shop}/goods/%252e%252e/secret/key.png",
        "{shop}/goods/..%2fsecret/key.png",
        "{shop}/goods/..\\secret\\key.png",
        "{shop}/goods/./a.png",
        "{shop}/goodsmen/a.png",
        "{shop}/goods/",
        "{shop}/goods",
        "{shop}@127.0.0.1/goods/a.png",
        "{shop}.example.com/goods/a.png",
        "{shop}/goods/a.png#b",
        "{shop}/goods/\na.png",
        "simplecache::{shop}/goods/a.png",
        "{shop}/goods/a.zip::memory://x",
        "HTTP://127.0.0.1/goods/a.png",
        "file:///etc/passwd",
        "/etc/passwd",
        "data:image/png;base64,AAAA",
        "reference://x",
        "",
    ],
)
def test_what_is_not_below_a_prefix_is_never_asked_for(fetcher: ImageFetcher, shop: str, written: str) -> None:
    asked.clear()
    assert reason(fetcher, written.format(shop=shop)) == "not_allowed"
    assert asked == []


def test_a_redirect_is_not_followed(fetcher: ImageFetcher, shop: str) -> None:
    asked.clear()
    assert reason(fetcher, f"{shop}/goods/elsewhere.png") == "not_allowed"
    assert asked == ["/goods/elsewhere.png"]


def test_more_bytes_than_allowed_are_not_read(fetcher: ImageFetcher, shop: str, tmp_path: Path) -> None:
    assert reason(fetcher, f"{shop}/goods/endless.png") == "too_many_bytes"
    (tmp_path / "goods").mkdir()
    with (tmp_path / "goods" / "big.png").open("wb") as file:
        file.truncate(2 * 1024**3)
    started = time.monotonic()
    assert reason(fetcher, f"{tmp_path.as_uri()}/goods/big.png") == "too_many_bytes"
    assert time.monotonic() - started < 5
    (tmp_path / "goods" / "most.png").write_bytes(bytes(MAX_IMAGE_BYTES))
    assert len(fetcher.fetch(f"{tmp_path.as_uri()}/goods/most.png")) == MAX_IMAGE_BYTES


def test_a_store_that_drips_or_fails_is_unreachable(fetcher: ImageFetcher, shop: str) -> None:
    started = time.monotonic()
    assert reason(fetcher, f"{shop}/goods/slow.png") == "unreachable"
    assert time.monotonic() - started < 10
    assert reason(fetcher, f"{shop}/goods/broken.png") == "unreachable"
    assert reason(fetcher, f"{shop}/goods/none.png") == "not_found"
    closed = ImageFetcher(ImageSources(("http://127.0.0.1:1/",)))
    assert reason(closed, "http://127.0.0.1:1/a.png") == "unreachable"


def test_links_and_pipes_lead_nowhere(fetcher: ImageFetcher, tmp_path: Path) -> None:
    folder = tmp_path / "goods"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(PICTURE)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "inside.png").write_bytes(PICTURE)
    (folder / "good-link.png").symlink_to(folder / "inside.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "empty.png").write_bytes(b"")
    base = f"{tmp_path.as_uri()}/goods"
    assert reason(fetcher, f"{base}/link.png") == "not_allowed"
    assert fetcher.fetch(f"{base}/good-link.png") == PICTURE
    assert reason(fetcher, f"{base}/pipe.png") == "not_allowed"
    assert reason(fetcher, f"{base}/none.png") == "not_found"
    assert reason(fetcher, f"{base}/empty.png") == "empty"


def test_without_prefixes_nothing_is_read() -> None:
    assert reason(ImageFetcher(ImageSources()), "https://images.example/a.png") == "not_allowed"


@given(st.text(max_size=60))
def test_an_address_of_any_letters_is_an_image_error(tail: str) -> None:
    with pytest.raises(ImageError):
        ImageFetcher(ImageSources(("memory://goods/",))).fetch(f"memory://goods/{tail}")


@pytest.mark.parametrize(
    "prefix",
    [
        "https://images.example",
        "https://images.example/goods",
        "https:///goods/",
        "https://user@images.example/",
        "https://images.example/?a=/",
        "https://images.example/../",
        "ftp://images.example/",
        "simplecache::https://images.example/",
        "file:///",
        "file://host/goods/",
        "/srv/images/",
        "",
    ],
)
def test_a_prefix_that_would_allow_too_much_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError):
        ImageSources((prefix,))


class Bucket(AsyncFileSystem):
    """A cloud's store as their packages are written, here with a picture that comes too late."""

    cachable = False

    async def _cat_file(self, path: str, start: int = 0, end: int = 0) -> bytes:
        if path.endswith("late.png"):
            await asyncio.sleep(60)
        if path.endswith("gone.png"):
            raise FileNotFoundError(path)
        return (PICTURE if path.endswith("a.png") else b"x" * (MAX_IMAGE_BYTES * 4))[start:end]


def test_a_clouds_store_is_read_once_to_the_largest_size_and_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fsspec, "filesystem", lambda scheme: {"s3": Bucket}[scheme]())
    bucket = ImageFetcher(ImageSources(("s3://goods/",), timeout_s=0.2))
    assert bucket.fetch("s3://goods/a.png") == PICTURE
    assert reason(bucket, "s3://goods/large.png") == "too_many_bytes"
    assert reason(bucket, "s3://goods/gone.png") == "not_found"
    began = time.monotonic()
    assert reason(bucket, "s3://goods/late.png") == "unreachable"
    assert time.monotonic() - began < 20


def test_a_store_without_its_package_is_said_at_the_start() -> None:
    with pytest.raises(ConfigError, match="s3://"):
        ImageFetcher(ImageSources(("s3://bucket/goods/",)))
