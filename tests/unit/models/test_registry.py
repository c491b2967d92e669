"""An artifact is what its manifest says, or it is refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from models.errors import ArtifactError
from models.registry import FORMAT, Manifest, content_version, load, save

TENSORS = {"table": np.arange(12, dtype=np.int8).reshape(3, 4), "scale": np.ones(3, dtype=np.float16)}
MANIFEST = Manifest(name="shelf", version="1-abc", kind="products", metrics={"figures": [{"value": 0.5}]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "shelf", MANIFEST, TENSORS, {"layout": [{"domain": "fashion", "labels": ["Größe", "NA"]}]})
    return tmp_path / "shelf"


def test_what_was_saved_is_loaded(folder: Path) -> None:
    artifact = load(folder, "products")
    assert artifact.manifest.name == "shelf"
    assert artifact.manifest.metrics == MANIFEST.metrics
    assert artifact.tables == {"layout": [{"domain": "fashion", "labels": ["Größe", "NA"]}]}
    assert set(artifact.tensors) == set(TENSORS)
    for name, values in TENSORS.items():
        assert artifact.tensors[name].dtype == values.dtype
        np.testing.assert_array_equal(artifact.tensors[name], values)


def test_one_flipped_bit_is_refused_with_file_and_both_hashes(folder: Path) -> None:
    file = folder / "weights.safetensors"
    raw = bytearray(file.read_bytes())
    expected = load(folder).manifest.files["weights.safetensors"]
    raw[-1] ^= 1
    file.write_bytes(raw)
    with pytest.raises(ArtifactError, match=r"weights\.safetensors was altered") as caught:
        load(folder)
    assert expected in str(caught.value)


def test_an_altered_label_table_is_refused(folder: Path) -> None:
    file = folder / "layout.json"
    file.write_text(file.read_text().replace("NA", "NB"))
    with pytest.raises(ArtifactError, match=r"layout\.json was altered"):
        load(folder)


@pytest.mark.parametrize("name", ["manifest.json", "weights.safetensors", "layout.json"])
def test_a_missing_file_is_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=name):
        load(folder)


def test_a_manifest_that_is_not_json_is_refused(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b"\xff{")
    with pytest.raises(ArtifactError, match="is not a manifest"):
        load(folder)


def test_another_kind_is_refused_with_both_kinds(folder: Path) -> None:
    with pytest.raises(ArtifactError, match="'products', wanted 'behaviour'"):
        load(folder, "behaviour")


def test_a_newer_format_is_refused_and_unknown_fields_are_ignored(folder: Path) -> None:
    file = folder / "manifest.json"
    fields = json.loads(file.read_text()) | {"added_later": 1}
    file.write_text(json.dumps(fields))
    assert load(folder).manifest.name == "shelf"
    file.write_text(json.dumps(fields | {"format": FORMAT + 1}))
    with pytest.raises(ArtifactError, match=f"format {FORMAT + 1}"):
        load(folder)


@pytest.mark.parametrize("name", ["../weights.safetensors", "/etc/hostname", "..", ""])
def test_a_manifest_cannot_name_a_file_outside_its_folder(folder: Path, name: str) -> None:
    file = folder / "manifest.json"
    fields = json.loads(file.read_text())
    fields["files"] = {name: "0" * 64}
    file.write_text(json.dumps(fields))
    with pytest.raises(ArtifactError, match="outside its folder"):
        load(folder)


def test_a_save_that_stopped_before_the_manifest_is_refused(folder: Path) -> None:
    manifest = (folder / "manifest.json").read_bytes()
    save(folder, MANIFEST, {"table": np.zeros((2, 2), dtype=np.int8)})
    (folder / "manifest.json").write_bytes(manifest)
    with pytest.raises(ArtifactError, match="was altered"):
        load(folder)


def test_equal_weights_have_equal_versions() -> None:
    assert content_version(dict(TENSORS), "1") == content_version(dict(reversed(TENSORS.items())), "1")
    changed = TENSORS | {"scale": np.full(3, 2, dtype=np.float16)}
    assert content_version(changed, "1") != content_version(TENSORS, "1")
    assert content_version(TENSORS, "1").startswith("1-")
