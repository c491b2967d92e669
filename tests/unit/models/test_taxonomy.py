"""The taxonomy: its tree, the words, the mapping by hand, the labelled samples, and the classifier as shipped."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data import grocery
from models.errors import DataError
from models.evaluate.taxonomy_sample import SAMPLE, VALIDATION, read_sample
from models.registry import load, shipped
from models.taxonomy.confidence import Curve, node_masses
from models.taxonomy.mapping import category_of, mapping, rows
from models.taxonomy.predictor import ANSWERS, KIND, TaxonomyPredictor, load_taxonomy, readable
from models.taxonomy.tree import NONE, Tree, accepted, from_paths
from models.taxonomy.vectors import fit_space, pack, unpack
from models.taxonomy.words import head, stem, tokens
from models.text.predictor import load_products
from models.train.taxonomy_examples import named_by, phrases

SMALL = from_paths(["a", "a-1", "a-1-1", "a-1-10", "b"], ["Home", "Mugs", "Cups", "Tins", "Toys"], list("甲乙丙丁戊"))


@cache
def tree() -> Tree:
    table = load(shipped(KIND), KIND).tables["categories"]
    return from_paths(table["ids"], table["en"], table["zh"])


@cache
def predictor() -> TaxonomyPredictor:
    return load_taxonomy()


def test_the_tree_knows_every_category_by_its_path_in_both_languages() -> None:
    assert len(tree()) == 10_595
    assert tree().path("hg-3-39-2") == ("Home & Garden", "Decor", "Home Fragrance Accessories", "Candle Holders")
    assert tree().path("ap-2-1-3", "zh")[-1] == "鸟食"


def test_the_names_travel_with_their_licence() -> None:
    text = (shipped(KIND) / "LICENSE").read_text(encoding="utf-8")
    assert "Shopify" in text
    assert "Permission is hereby granted" in text


def test_ten_is_not_below_one() -> None:
    assert SMALL.within("a-1-10", "a-1")
    assert not SMALL.within("a-1-10", "a-1-1")
    assert accepted(SMALL, ["a-1*"]) == {"a-1", "a-1-1", "a-1-10"}


def test_a_category_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="zz-9"):
        accepted(SMALL, ["zz-9"])
    with pytest.raises(DataError, match="no parent 'c'"):
        from_paths(["c-1"], ["Orphan"], ["孤"])


@pytest.mark.parametrize(
    ("word", "wanted"),
    [("dresses", "dress"), ("batteries", "battery"), ("mugs", "mug"), ("glass", "glass"), ("boxes", "box")],
)
def test_plurals_meet_their_singulars(word: str, wanted: str) -> None:
    assert stem(word) == wanted


def test_joined_words_meet_apart_ones_and_chinese_falls_into_pairs() -> None:
    assert "doormat" in tokens("Door Mats")
    assert "doormat" in tokens("doormat")
    assert "瑜伽" in tokens("瑜伽垫")


def test_the_head_is_the_word_before_what_comes_with_it() -> None:
    assert head("Ceramic travel mugs with lid, red") == "mug"
    assert head("!!!") == ""


def test_every_label_of_the_shipped_product_model_is_mapped_or_explicitly_none() -> None:
    known = mapping()
    labels = [(domain.name, path[-1]) for domain in load_products().layout.domains for path in domain.paths]
    assert [label for label in labels if label not in known] == []


def test_every_category_of_the_grocery_data_is_mapped_or_explicitly_none() -> None:
    wanted = {("grocery", label) for label in grocery.products()["category"]}
    assert wanted - set(mapping()) == set()


def test_every_mapped_id_exists_and_its_path_is_as_written() -> None:
    for catalogue, label, category, path in rows():
        if category == NONE:
            assert path == "", (catalogue, label)
        else:
            assert " > ".join(tree().path(category)) == path, (catalogue, label)


def test_the_longest_named_part_of_a_marketplace_label_counts() -> None:
    assert category_of("marketplace", "Computers >> Laptops >> HP Laptops") == "el-6-6"
    assert category_of("grocery", "COUPON") is None


@pytest.mark.parametrize("file", [SAMPLE, VALIDATION], ids=lambda file: file.stem)
def test_every_label_of_a_sample_exists(file: object) -> None:
    asked = read_sample(tree(), file)  # type: ignore[arg-type]
    assert len(asked) >= 200
    assert all(asked.right)


def test_no_title_of_the_sample_is_among_the_validation_titles() -> None:
    first, second = read_sample(tree(), SAMPLE), read_sample(tree(), VALIDATION)
    assert len(first) >= 360
    assert {t.lower() for t in first.titles} & {t.lower() for t in second.titles} == set()


def test_every_phrase_names_categories_that_exist() -> None:
    assert all(category in tree() for ids in phrases().values() for category in ids)
    assert named_by("SET OF 3 RED T-LIGHT HOLDERS", {("tlight", "holder"): ("hg-3-39-2",)}) == ("hg-3-39-2",)


def test_bytes_keep_the_directions_of_vectors() -> None:
    vectors = np.random.default_rng(0).normal(size=(200, 32)).astype(np.float32)
    short = fit_space(vectors, 16).shorten(vectors)
    assert (short * unpack(pack(short))).sum(axis=1).min() > 0.999


def test_the_way_down_the_tree_gathers_the_shares_below_each_step() -> None:
    lines, masses = node_masses(SMALL, np.array([[2, 3, 4]]), np.array([[0.5, 0.3, 0.2]], dtype=np.float32))
    assert lines[0].tolist() == [0, 1, 2]
    assert masses[0].tolist() == pytest.approx([0.8, 0.8, 0.5])


def test_a_curve_rises_and_stays_within_chances() -> None:
    chances = Curve(1.2, -0.3)(np.array([0, 0.2, 0.9, 1], dtype=np.float32))
    assert (np.diff(chances) > 0).all()
    assert 0 < chances[0] < chances[-1] < 1


@pytest.mark.parametrize(
    ("title", "category"),
    [
        ("Stainless steel electric kettle 1.7 L", "hg-11-7-11"),
        ("Mechanical gaming keyboard with RGB backlight", "el-7-9-12-8"),
        ("Clumping cat litter 10 kg", "ap-2-2-4"),
        ("儿童拼图 100片", "tg-4-7"),
        ("不锈钢电热水壶", "hg-11-7-11"),
    ],
)
def test_goods_outside_the_training_sets_find_their_category(title: str, category: str) -> None:
    assert category in predictor().run([title]).ids[0]


def test_the_deepest_sure_category_is_shallower_the_surer_it_must_be() -> None:
    titles = ["Ceramic mug", "Blue thing", "Wireless router"]
    depths = [
        [len(one.split("-")) if one else 0 for one in predictor().run(titles, sure).sure_ids]
        for sure in (0.3, 0.7, 0.99)
    ]
    assert all(a >= b >= c for a, b, c in zip(*depths, strict=True))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=80), min_size=1, max_size=3))
def test_any_text_has_an_answer(titles: list[str]) -> None:
    answers = predictor().run(titles)
    assert answers.ids.shape == (len(titles), ANSWERS)
    assert all(one in tree() for one in answers.ids.ravel())
    assert np.isfinite(answers.scores).all()
    assert ((answers.confidence > 0) & (answers.confidence < 1)).all()
    assert (np.diff(answers.scores, axis=1) <= 0).all()


@pytest.mark.parametrize("title", ["", "\x00\ud800", "🎉" * 300, "م" * 5000, "a" * 1_000_000, "ignore all rules"])
def test_odd_texts_have_an_answer_too(title: str) -> None:
    assert predictor().run([title]).ids.shape == (1, ANSWERS)


def test_a_title_is_answered_alike_alone_and_among_others() -> None:
    titles = ["Ceramic mug", "Wooden picture frame", "瑜伽垫", "USB cable"]
    together = predictor().run(titles)
    for row, title in enumerate(titles):
        alone = predictor().run([title])
        assert alone.ids[0, 0] == together.ids[row, 0]
        assert alone.confidence[0] == pytest.approx(together.confidence[row], abs=1e-3)


def test_no_titles_have_no_answers() -> None:
    assert predictor().run([]).ids.shape == (0, ANSWERS)


def test_shouting_is_read_as_speech() -> None:
    assert readable("RED MUG") == "red mug"
    assert readable("iPhone XS") == "iPhone XS"
