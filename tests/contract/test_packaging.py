"""What is installed is whole: every data file of the packages travels with them, and no lock file names a host."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DATA: dict[str, list[str]] = PROJECT["tool"]["setuptools"]["package-data"]
CODE_SUFFIXES = (".py", ".pyc")
ARTIFACTS_BYTES = 41_000_000


@pytest.mark.parametrize("package", sorted(DATA))
def test_every_data_file_is_part_of_the_package(package: str) -> None:
    folder = ROOT / package
    there = {path for path in folder.rglob("*") if path.is_file() and path.suffix not in CODE_SUFFIXES}
    named = {path for pattern in DATA[package] for path in folder.glob(pattern) if path.is_file()}
    assert sorted(map(str, there - named)) == []
    assert folder / "py.typed" in there


@pytest.mark.parametrize("name", ["bootstrap", "run", "dev"])
def test_a_lock_file_pins_every_package_with_hashes_and_names_no_host(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    pins = re.findall(r"(?m)^[a-z0-9][^\s=]*==\S+.*\\\n\s+--hash=sha256:[0-9a-f]{64}", text)
    assert len(pins) == len(re.findall(r"(?m)^[a-z0-9]", text)) > 0


def test_what_a_worker_needs_has_the_same_versions_in_both_lock_files() -> None:
    run, dev = (
        set(re.findall(r"(?m)^([a-z0-9][^\s=]*==[^\s;\\]+)", (ROOT / "requirements" / name).read_text()))
        for name in ("run.txt", "dev.txt")
    )
    assert run <= dev


def test_the_shipped_artifacts_stay_small() -> None:
    sizes = [path.stat().st_size for path in (ROOT / "models" / "artifacts").rglob("*") if path.is_file()]
    assert 0 < sum(sizes) <= ARTIFACTS_BYTES


def test_make_test_runs_every_folder_of_tests() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    run = set(re.findall(r"(?m)^\t\S+ -m pytest (?:\$\(BESIDE\) )?tests/(\w+)$", makefile))
    assert run == {path.name for path in (ROOT / "tests").iterdir() if any(path.rglob("test_*.py"))}
