"""What the peers of the benchmarks are installed from is pinned: packages and jars by their hashes, no host by name."""

import re
from pathlib import Path

import pytest

from benchmarks import flink_jars
from benchmarks.environments import REQUIREMENTS
from benchmarks.other_engines import ENGINES, PACKAGES, PEERS

ROOT = Path(__file__).parents[2]
LOCKS = sorted(path.with_suffix(".txt") for path in REQUIREMENTS.glob("*.in"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_peers_lock_file_pins_every_package_with_hashes_and_names_no_host(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    pins = re.findall(r"(?m)^[a-z0-9][^\s=]*==\S+.*\\\n\s+--hash=sha256:[0-9a-f]{64}", text)
    assert len(pins) == len(re.findall(r"(?m)^[a-z0-9]", text)) > 0
    wanted = set(re.findall(r"(?m)^[a-z0-9-]+", lock.with_suffix(".in").read_text(encoding="utf-8")))
    assert wanted <= {pin.split("==")[0] for pin in pins}


def test_every_engine_has_its_program_and_its_lock_file() -> None:
    assert {engine.environment for engine in ENGINES.values()} == {lock.stem for lock in LOCKS} == set(PACKAGES)
    programs = [ROOT / f"{PEERS}.{engine.module}".replace(".", "/") for engine in ENGINES.values()]
    assert [path for path in programs if not path.with_suffix(".py").exists()] == []


def test_flinks_jars_are_pinned_by_their_digests() -> None:
    assert flink_jars.PINNED
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in flink_jars.PINNED)
