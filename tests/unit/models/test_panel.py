"""All product models asked in turn: who answers, and what is said besides."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.columns import ProductBatch, ProductColumns
from models.errors import ArtifactError
from models.panel import ProductPanel
from models.registry import load, save, shipped
from models.tiers import SHIPPED, load_tiers, tier_attributes
from tests.unit.streams.making_tiers import save_second

TITLES = [
    "Nike Men Navy Blue Polo Tshirt",
    "男士纯棉圆领短袖T恤",
    "Printed Ceramic Coffee Mug, 325 ml",
    "Alisha Solid Women's Cycling Shorts",
    "Samsung Galaxy S6 32GB gold",
    "",
    "\u202egnihtemos",
]


@pytest.fixture(scope="module")
def panel() -> ProductPanel:
    found = load_tiers(None, SHIPPED)[1]
    assert isinstance(found, ProductPanel)
    return found


@pytest.fixture(scope="module")
def answers(panel: ProductPanel) -> ProductBatch:
    return panel.refine(ProductColumns(TITLES))


def path(panel: ProductPanel, batch: ProductBatch, row: int) -> tuple[str, ...]:
    return panel.categories[batch.category_ids[row, 0]]


def test_what_the_titles_model_knows_is_answered_by_it_and_has_a_taxonomy_id(
    panel: ProductPanel, answers: ProductBatch
) -> None:
    assert path(panel, answers, 0) == ("Apparel", "Topwear", "Tshirts")
    assert answers.taxonomy_ids is not None
    assert answers.taxonomy_ids[0][0] == "aa-1-13-8"
    said = {panel.attributes[i] for i in answers.attribute_ids[0] if i >= 0}
    assert ("baseColour", "Navy Blue") in said


def test_a_chinese_title_has_a_category_of_the_taxonomy_and_no_english_attributes(
    panel: ProductPanel, answers: ProductBatch
) -> None:
    assert answers.taxonomy_ids is not None
    assert answers.taxonomy_ids[1][0] == "aa-1-13-8"
    assert path(panel, answers, 1)[-1] == "T-Shirts"
    assert (answers.attribute_ids[1] == -1).all()


def test_goods_that_the_titles_model_does_not_know_are_answered_by_another(
    panel: ProductPanel, answers: ProductBatch
) -> None:
    assert "Kitchen" in path(panel, answers, 2)[0]


def test_each_part_of_a_title_says_one_thing(answers: ProductBatch) -> None:
    assert answers.extracted is not None
    said = {one.name: TITLES[3][one.start : one.end] for one in answers.extracted[3]}
    assert said["Brand"].startswith("Alisha")
    for spans in answers.extracted:
        ends = sorted((one.start, one.end) for one in spans)
        assert all(first[1] <= second[0] for first, second in pairwise(ends))


def test_confidences_fall_and_stay_within_bounds(answers: ProductBatch) -> None:
    assert (np.diff(answers.category_confidence, axis=1) <= 1e-6).all()
    assert ((answers.category_confidence >= 0) & (answers.category_confidence <= 1)).all()
    assert answers.category_confidence[5, 0] < 0.6  # an empty title


def test_an_answer_does_not_depend_on_its_neighbours(panel: ProductPanel, answers: ProductBatch) -> None:
    for row, title in enumerate(TITLES):
        alone = panel.refine(ProductColumns([title]))
        assert alone.category_ids[0].tolist() == answers.category_ids[row].tolist()
        np.testing.assert_allclose(alone.category_confidence[0], answers.category_confidence[row], atol=1e-4)


def test_a_foreign_title_with_a_picture_keeps_no_english_answer(panel: ProductPanel) -> None:
    blank = np.full((224, 224, 3), 255, dtype=np.uint8)
    found = panel.refine(ProductColumns([TITLES[1]], images=[blank]))
    assert (found.attribute_ids == -1).all()
    assert found.category_ids[0, 0] >= len(panel.categories) - 10_595 - 200
    assert found.category_confidence[0].sum() <= 1 + 1e-6


def test_a_price_is_judged_in_its_own_currency(panel: ProductPanel) -> None:
    asked = ProductColumns([TITLES[3]] * 4, prices=[999.0, 9e6, 9e6, None], currencies=["INR", "INR", "XXX", "INR"])
    found = panel.refine(asked)
    assert found.prices is not None
    assert found.far_outside is not None
    low, median, high = found.prices[0]
    assert 100 < low < median < high < 10_000
    assert found.far_outside.tolist() == [False, True, False, False]
    assert np.isnan(found.prices[2]).all()


def test_a_picture_counts(panel: ProductPanel) -> None:
    blank = np.full((224, 224, 3), 255, dtype=np.uint8)
    words = ProductColumns([TITLES[2]])
    seen = panel.refine(replace(words, images=[blank]))
    assert seen.category_confidence[0, 0] != panel.refine(words).category_confidence[0, 0]


def test_the_version_names_every_model(panel: ProductPanel) -> None:
    assert panel.info.version.startswith("1-")
    assert {"title", "image", "price"} <= panel.reads
    assert len(panel.categories) > 10_595
    assert Path("shipped") == SHIPPED


def test_a_folder_of_models_takes_the_place_of_the_shipped_of_their_kinds(tmp_path: Path, panel: ProductPanel) -> None:
    stored = load(shipped("price"))
    newer = msgspec.structs.replace(stored.manifest, version="2-newer")
    save(tmp_path / "price", newer, stored.tensors, stored.tables)
    found = load_tiers(None, tmp_path)[1]
    assert isinstance(found, ProductPanel)
    assert found.info.name == panel.info.name
    assert found.info.version != panel.info.version


def test_a_folder_of_nothing_that_is_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prize").mkdir()
    with pytest.raises(ArtifactError, match="neither a model nor one of the folders products-encoder, marketplace"):
        load_tiers(None, tmp_path)


def test_the_attributes_of_the_tiers_are_known_without_their_networks(tmp_path: Path, panel: ProductPanel) -> None:
    assert tier_attributes(None, SHIPPED) == list(panel.attributes)
    assert tier_attributes() == tier_attributes(None, shipped("products-encoder")) == list(panel.attributes)
    both = tier_attributes(None, save_second(tmp_path / "second"))
    assert both == [*panel.attributes, *panel.attributes]
    with pytest.raises(ArtifactError):
        tier_attributes(None, tmp_path / "nowhere")
