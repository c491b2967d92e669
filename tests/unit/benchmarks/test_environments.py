"""A peer's environment is set up once, and a peer that cannot have one is left out with the reason."""

import sys
from pathlib import Path

import pytest

from benchmarks import environments
from benchmarks.environments import LeftOut, prepare


def test_a_peer_that_cannot_be_installed_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "UV", [sys.executable, "-c", "raise SystemExit('no route to host')"])
    with pytest.raises(LeftOut, match="no route to host"):
        prepare("quix", tmp_path)
    assert not (tmp_path / "quix" / "stamp").exists()


def test_an_environment_is_set_up_again_only_when_its_lock_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def uv(*arguments: str) -> None:
        calls.append(arguments[0])
        (tmp_path / "cache" / "peer").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(environments, "_uv", uv)
    monkeypatch.setattr(environments, "REQUIREMENTS", tmp_path)
    lock = tmp_path / "peer.txt"
    lock.write_text("a==1\n")
    prepare("peer", tmp_path / "cache")
    prepare("peer", tmp_path / "cache")
    assert calls == ["venv", "pip"]
    lock.write_text("a==2\n")
    prepare("peer", tmp_path / "cache")
    assert calls == ["venv", "pip"] * 2
