"""Pictures in the cascade: fetched and decoded beside the windows, for the tier that reads them; `inputs` says how."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.columns import ProductBatch, ProductColumns
from models.image.decode import decode
from models.predict import PredictorRefiner, load_products
from streams.config import ImageSettings, ProductSettings
from streams.images.pictures import PictureMaker, make_pictures
from streams.logic.cascade import make_product_logic
from streams.offline.lines import answers
from streams.offline.table import MemoryRows
from tests.unit.models.pictures import encoded, halves
from tests.unit.streams.making import NOW_MS, product, window_of
from tests.unit.streams.making_tiers import second
from tests.unit.streams.test_cascade import A, messages

RED_AND_GREEN = encoded(halves(), "JPEG")
ODD = "zzyzx"


class Sees(PredictorRefiner):
    """The second model, which also reads pictures: it is less sure without one."""

    def __init__(self, path: Path) -> None:
        super().__init__(second(path))
        self.reads = self.reads | {"image"}
        self.seen: list[Any] = []

    def refine(self, products: ProductColumns) -> ProductBatch:
        batch = super().refine(products)
        assert products.images is not None
        self.seen += products.images
        for i, image in enumerate(products.images):
            if image is None:
                batch.category_confidence[i] *= 0.5
        return batch


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Sees:
    return Sees(tmp_path_factory.mktemp("models") / "second")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that pictures may be read from."""
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "shirt.jpg").write_bytes(RED_AND_GREEN)
    return folder


@pytest.fixture(scope="module")
def pictures(shelf: Path) -> Iterator[PictureMaker]:
    made = make_pictures(ImageSettings(prefixes=[f"file://{shelf}/"], decode_timeout_s=30))
    yield made
    made.close()


def test_each_product_says_what_became_of_its_picture(seeing: Sees, pictures: PictureMaker, shelf: Path) -> None:
    given: list[dict[str, Any]] = [
        {"image": RED_AND_GREEN},
        {"image": RED_AND_GREEN[:200]},
        {"image_uri": f"file://{shelf}/shirt.jpg"},
        {"image_uri": f"file://{shelf}/../secret.jpg"},
        {"image_uri": "https://metadata.example/latest"},
        {"image_uri": f"file://{shelf}/none.jpg"},
        {},
    ]
    records = [product(A, i, f"p{i}", f"{ODD} {i}", **fields) for i, fields in enumerate(given)]
    logic = make_product_logic(
        load_products(), seeing, ProductSettings(sure_above=1), lambda: NOW_MS, pictures=pictures, hurry=False
    )
    seeing.seen.clear()
    ((_, answer),) = answers(logic, iter(records), MemoryRows(), 100, lambda: NOW_MS, logic.later)
    last = {one.source.offset: one for one in messages(answer)}
    assert {one.revision for one in last.values()} == {1}
    assert [(last[i].inputs or {})["image"] for i in range(len(given))] == [  # type: ignore[union-attr, index]
        "read", "broken: broken", "read", "broken: not_allowed", "broken: not_allowed", "broken: not_found", "missing",
    ]  # fmt: skip
    seen = [image for image in seeing.seen if image is not None]
    assert len(seen) == 2
    for image in seen:
        np.testing.assert_array_equal(image, decode(RED_AND_GREEN))


def test_the_window_of_the_event_does_not_wait_for_its_picture(seeing: Sees, pictures: PictureMaker) -> None:
    logic = make_product_logic(
        load_products(), seeing, ProductSettings(sure_above=1), lambda: NOW_MS, pictures=pictures, hurry=False
    )
    assert logic.later is not None
    logic.later.begin()
    with_one = product(A, 0, "p", ODD, image=RED_AND_GREEN)
    answer = logic.answer(window_of([with_one, product(A, 1, "q", ODD)]), lambda _, keys: [None] * len(keys))
    assert [(one.source.offset, one.revision) for one in messages(answer)] == [(0, 0), (1, 1)]
    assert list(answer.requests) == [b"p"]
    assert messages(answer)[0].inputs == {
        "title": "read", "brand": "missing", "description": "missing", "category_hint": "missing",
    }  # fmt: skip


def test_a_broken_picture_makes_the_answer_less_sure_and_breaks_nothing(seeing: Sees, pictures: PictureMaker) -> None:
    def confidence(image: bytes) -> float:
        logic = make_product_logic(
            load_products(), seeing, ProductSettings(sure_above=1), lambda: NOW_MS, pictures=pictures, hurry=False
        )
        record = product(A, 0, "p", ODD, image=image)
        ((_, answer),) = answers(logic, iter([record]), MemoryRows(), 100, lambda: NOW_MS, logic.later)
        return messages(answer)[-1].categories[0].confidence

    assert confidence(RED_AND_GREEN[:100]) < confidence(RED_AND_GREEN)
