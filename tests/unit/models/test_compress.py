"""Smaller forms of a model: what they keep, and that ONNX files answer as torch does."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.compress.int8 import dynamic_int8, stored_bytes
from models.compress.onnx_files import export_encoder, int8_file
from models.compress.onnx_runtime import OnnxEncoder
from models.compress.prune import without_rare_ngrams, without_weak_inner_units, without_weak_units
from models.data.splits import TEST
from models.data.titles import LabelledTitles
from models.encoder import TextEncoder, load_encoder
from models.evaluate.compression import FULL, INT8, ONNX, ONNX_INT8, SHIPPED, committees, table
from models.evaluate.products import answers
from models.registry import Artifact, load
from models.text.committee import Committee, Member
from models.text.compact import member
from models.text.layout import Layout
from models.text.network import Size
from models.train.title_artifact import fit_artifact
from models.train.title_fit import Recipe
from tests.unit.models.fitting import catalogue

TITLES = ["Acme Red shirt 5", "Acme Blue watch", "", "jeans", "Peter England Men Party Blue Jeans", "acme " * 60]


@pytest.fixture(scope="module")
def part() -> LabelledTitles:
    return catalogue(600)


@pytest.fixture(scope="module")
def artifact(part: LabelledTitles, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("artifact")
    recipe = Recipe(
        size=Size(width=16, hidden=16), groups=2, epochs=6, batch=64, table_rate=0.03, thinning=0.1, at_least=2
    )
    fit_artifact([part], folder, [recipe], name="small", seed=3, progress=False)
    return load(folder)


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    """The first two layers of MiniLM: enough for what is promised here, and fast."""
    whole = load_encoder("minilm")
    whole.bert.layers = whole.bert.layers[:2]
    return whole


def one_of(artifact: Artifact) -> tuple[Member, Layout]:
    layout = Layout.from_table(artifact.tables["layout"])
    given = artifact.manifest.inputs["members"][0]
    return member(artifact.tensors, 0, layout, Size(**given["size"]), given["groups"], given["vote"]), layout


def test_every_form_of_the_title_networks_answers_and_onnx_answers_the_same(
    artifact: Artifact, part: LabelledTitles, tmp_path: Path
) -> None:
    forms = committees(artifact, [part], tmp_path)
    whole = forms[FULL][0].probabilities(TITLES)
    onnx = forms[ONNX][0].probabilities(TITLES)
    assert whole.keys() == onnx.keys()
    for key, values in whole.items():
        np.testing.assert_allclose(onnx[key], values, atol=1e-5)
    asked = part.where([TEST])
    right = {}
    for form, (model, size) in forms.items():
        named, _ = answers(model.probabilities(asked.titles), model.layout, model.layout.domains[0])["articleType"]
        right[form] = np.mean([a == b for a, b in zip(named, asked.labels["articleType"], strict=True)])
        assert size > 0
    assert right[FULL] > 0.95
    assert all(right[form] > right[FULL] - 0.05 for form in (SHIPPED, INT8, ONNX, ONNX_INT8))
    assert forms[SHIPPED][1] < 0.5 * forms[FULL][1]


def test_pruning_everything_but_nothing_changes_nothing(artifact: Artifact, part: LabelledTitles) -> None:
    one, layout = one_of(artifact)
    temperatures = artifact.manifest.inputs["temperatures"]
    whole = Committee(layout, [one], temperatures).probabilities(TITLES)
    for same in (without_rare_ngrams(one, part.titles, 1.0), without_weak_units(one, layout, 1.0)):
        found = Committee(layout, [same], temperatures).probabilities(TITLES)
        for key, values in whole.items():
            np.testing.assert_allclose(found[key], values, atol=1e-6)


def test_pruning_keeps_the_ngrams_and_units_that_give_most(artifact: Artifact, part: LabelledTitles) -> None:
    one, layout = one_of(artifact)
    fewer = without_rare_ngrams(one, part.titles, 0.5)
    assert len(fewer.vocabulary) == len(fewer.network.table) == round(0.5 * len(one.vocabulary))
    assert set(fewer.vocabulary.slots) <= set(one.vocabulary.slots)
    hidden = one.network.hidden["fashion"]
    with torch.no_grad():
        hidden.weight[3] = 0  # a unit that never says anything
    narrow = without_weak_units(one, layout, 15 / 16)
    kept = narrow.network.hidden["fashion"].weight
    assert kept.shape == (15, 16)
    assert torch.equal(kept, hidden.weight[[i for i in range(16) if i != 3]])


def test_int8_layers_are_a_quarter_and_nearly_the_same() -> None:
    network = nn.Sequential(nn.Linear(256, 256), nn.GELU(), nn.Linear(256, 64))
    small = dynamic_int8(network)
    assert stored_bytes(small) < 0.35 * stored_bytes(network)
    x = torch.randn(8, 256, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert (small(x) - network(x)).abs().max() < 0.05 * network(x).abs().max()


def test_an_encoder_in_onnx_embeds_as_torch_does_and_in_int8_nearly_so(encoder: TextEncoder, tmp_path: Path) -> None:
    expected = encoder.embed(TITLES)
    export_encoder(encoder.bert, tmp_path / "encoder.onnx")
    np.testing.assert_allclose(OnnxEncoder(tmp_path / "encoder.onnx", encoder).embed(TITLES), expected, atol=1e-4)
    int8_file(tmp_path / "encoder.onnx", tmp_path / "int8.onnx")
    rounded = OnnxEncoder(tmp_path / "int8.onnx", encoder).embed(TITLES)
    assert (rounded * expected).sum(axis=1).min() > 0.95  # cosines
    assert (tmp_path / "int8.onnx").stat().st_size < 0.5 * (tmp_path / "encoder.onnx").stat().st_size


def test_an_encoder_loses_its_weakest_inner_units_only(encoder: TextEncoder) -> None:
    expected = encoder.embed(TITLES)
    np.testing.assert_allclose(without_weak_inner_units(encoder, TITLES, 1.0).embed(TITLES), expected, atol=1e-5)
    smaller = without_weak_inner_units(encoder, TITLES, 0.5)
    assert smaller.bert.shape.inner == 768
    assert stored_bytes(smaller.bert) < stored_bytes(encoder.bert)
    random = without_weak_inner_units(encoder, TITLES, 0.5)
    for layer in random.bert.layers:  # the same number of units, but any
        order = torch.randperm(768, generator=torch.Generator().manual_seed(0))
        layer.narrow.weight.copy_(layer.narrow.weight[:, order])
    cosines = [(other.embed(TITLES) * expected).sum(axis=1).mean() for other in (smaller, random)]
    assert cosines[0] > max(0.9, cosines[1])
    assert np.array_equal(encoder.embed(TITLES), expected)  # what was given stays whole


def test_the_table_names_every_form() -> None:
    form = {"model": "fast", "form": FULL, "bytes": 2_000_000, "titles_per_s": 5000, "agreement": 1.0}
    figures = [{"model": "fast", "form": FULL, "metric": m, "value": 0.5} for m in ("accuracy", "macro F1")]
    assert "| fast | as trained, 32 bits | 2.0 | 5,000 | 100.0 % | 0.5000 | 0.5000 |" in table(
        {"forms": [form], "figures": figures}
    )
