"""Jars are the pinned ones, or there is no broker."""

import hashlib
from pathlib import Path

import pytest
from requests import ConnectionError as Unreachable

from streams.broker.errors import JarRefused, JarUnavailable
from streams.broker.jars import Jar, check, fetch_missing, parse, pinned


def jar_of(content: bytes, name: str = "sample") -> Jar:
    return Jar("org.example", name, "1.0", hashlib.sha256(content).hexdigest())


def test_every_pinned_jar_has_coordinates_and_a_whole_digest() -> None:
    jars = pinned()
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {"4.3.0"}
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in jars)
    assert len({jar.filename for jar in jars}) == len(jars)


def test_the_list_is_read_line_by_line() -> None:
    assert parse("a.b:c:1.2 sha256:00ff\n\n") == [Jar("a.b", "c", "1.2", "00ff")]


def test_a_jar_with_other_bytes_is_removed_and_both_digests_are_told(tmp_path: Path) -> None:
    path = tmp_path / "sample-1.0.jar"
    path.write_bytes(b"altered")
    jar = jar_of(b"pinned")
    with pytest.raises(JarRefused) as refused:
        check(jar, path)
    assert not path.exists()
    assert jar.sha256 in str(refused.value)
    assert hashlib.sha256(b"altered").hexdigest() in str(refused.value)


def test_downloaded_jars_lie_under_their_names_and_nothing_else_is_left(tmp_path: Path) -> None:
    jars = [jar_of(name.encode(), name) for name in ("one", "two", "three")]
    fetch_missing(jars, tmp_path, lambda jar, path: path.write_bytes(jar.name.encode()) and None, show_progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one-1.0.jar", "three-1.0.jar", "two-1.0.jar"]


def test_a_wrong_download_never_becomes_visible(tmp_path: Path) -> None:
    def save(jar: Jar, path: Path) -> None:
        path.write_bytes(b"a page that asks to log in")

    with pytest.raises(JarRefused):
        fetch_missing([jar_of(b"pinned")], tmp_path, save, show_progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_download_leaves_nothing_and_names_the_way_out(tmp_path: Path) -> None:
    def save(jar: Jar, path: Path) -> None:
        path.write_bytes(b"half")
        raise Unreachable("connection reset")

    with pytest.raises(JarUnavailable, match="KAFKA_BOOTSTRAP_SERVERS"):
        fetch_missing([jar_of(b"pinned")], tmp_path, save, show_progress=False)
    assert list(tmp_path.iterdir()) == []
