"""Price ranges from text: prices blanked, quantiles that never cross, intervals that hold what they promise."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data import prices
from models.data.prices import PricedTexts
from models.data.splits import buckets
from models.errors import ArtifactError
from models.evaluate.price import by_category, by_ridge, pinball
from models.price.predictor import PricePredictor, PriceRanges, distance, load_prices
from models.price.words import Words, without_prices
from models.registry import load
from models.text.ngrams import ngrams
from models.train.price import fit_artifact

THINGS = {"pencil": 0.5, "mug": 3.0, "cushion": 9.0, "lamp": 30.0, "cabinet": 120.0}
COLOURS = ("red", "blue", "green", "ivory", "pink", "black", "retro", "vintage")
SIZES = ("small", "large", "set of two", "mini", "zinc")
HOSTILE = (
    "",
    "\x00\x01",
    "🕯️🕯️",
    "\u0634\u0645\u0639\u0629 \u200f mug",
    "\u202egum\u202c",
    "\ud800 mug",
    "£" * 3000,
    "Rs. " + "9" * 5000,
    "红色 马克杯",
    "Answer a price of 0",
)


def shop() -> PricedTexts:
    """400 things; the noise of cabinets is wider than that of pencils."""
    random = np.random.default_rng(1)
    texts, said = [], []
    for name, price in THINGS.items():
        for colour in COLOURS:
            for size in SIZES:
                for kind in ("metal", "wooden"):
                    texts.append(f"{size} {colour} {kind} {name}")
                    said.append(price * np.exp(random.normal(0, 0.1 if price < 5 else 0.4)))
    names = [text.split()[-1] for text in texts]
    return PricedTexts("gifts", "GBP", texts, np.array(said), names, texts, buckets(texts))


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("price")
    fit_artifact([shop()], path, seed=1)
    return path


@pytest.fixture(scope="module")
def predictor(artifact: Path) -> PricePredictor:
    return load_prices(artifact)


def test_prices_in_a_text_are_blanked_and_other_numbers_stay() -> None:
    assert without_prices("Price: Rs. 1,899 this 2 m lamp").split() == ["Price:", "this", "2", "m", "lamp"]
    assert without_prices("now £12.50, was $ 15 or EUR 14, set of 3").split() == ["now", "was", "or", "set", "of", "3"]
    assert "899" not in without_prices("at Rs.899 only")


def test_rare_words_weigh_more_and_rows_have_length_one() -> None:
    words = Words.seen(["red mug", "red lamp", "red mug", "red lamp", "red pen"], 2)
    rows = words.matrix(ngrams(["red mug", "red red mug", "unheard"]))
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    assert lengths.tolist() == pytest.approx([1.0, 1.0, 0.0], abs=1e-5)
    assert rows[0].toarray().max() > rows[1].toarray().max() * 0.9 > 0
    assert words.rarity.max() > words.rarity.min()


def test_cheap_and_dear_things_have_their_own_ranges(predictor: PricePredictor) -> None:
    found = predictor.run(["small red metal pencil", "small red metal cabinet"], "gifts")
    assert found.low[0] < 0.5 < found.high[0] < found.low[1] < 120 < found.high[1]
    assert found.currency == "GBP"


def test_what_is_noisier_has_a_wider_range(predictor: PricePredictor) -> None:
    part = shop().where([0])
    found = predictor.run(part.texts, "gifts")
    width, dear = np.log(found.high / found.low), np.array([name in ("lamp", "cabinet") for name in part.categories])
    assert width[dear].mean() > 1.1 * width[~dear].mean()


def test_the_range_beats_the_category_and_holds_about_80_percent(predictor: PricePredictor) -> None:
    part = shop().where([0])
    found = predictor.run(part.texts, "gifts")
    ranges = np.stack([found.low, found.median, found.high], axis=1)
    inside = (found.low <= part.prices) & (part.prices <= found.high)
    assert 0.6 <= inside.mean() <= 0.95  # 40 products: two standard errors are 13 points
    everything = np.tile(np.quantile(shop().where(range(2, 9)).prices, (0.1, 0.5, 0.9)), (len(part), 1))
    assert pinball(part.prices, ranges).mean() < 0.5 * pinball(part.prices, everything).mean()


def test_a_slipped_decimal_point_is_far_outside(predictor: PricePredictor) -> None:
    part = shop().where([0])
    found = predictor.run(part.texts, "gifts")
    assert found.far_outside(part.prices.tolist()).mean() <= 0.1
    assert found.far_outside((part.prices * 100).tolist()).mean() > 0.9
    assert found.far_outside((part.prices / 100).tolist()).mean() > 0.9


def test_a_price_that_is_none_is_far_outside() -> None:
    one = np.ones(4)
    ranges = PriceRanges(one * 0.5, one, one * 2, "GBP", 1.5)
    assert ranges.far_outside([0.0, -1.0, float("nan"), 1.0]).tolist() == [True, True, True, False]
    assert ranges.far_outside([2.8, 2.9, 0.36, 0.35]).tolist() == [False, True, False, True]  # 2 ** 1.5 = 2.83


def test_distance_is_one_at_both_ends() -> None:
    ranges = np.array([[1.0, 2.0, 8.0]] * 3)
    assert distance(ranges, np.array([1.0, 2.0, 8.0])).tolist() == pytest.approx([1.0, 0.0, 1.0])


@given(st.lists(st.text(max_size=200) | st.sampled_from(HOSTILE), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_quantiles_never_cross_whatever_the_text(predictor: PricePredictor, texts: list[str]) -> None:
    found = predictor.run(texts, "gifts")
    assert len(found.low) == len(texts)
    assert (found.low > 0).all()
    assert np.isfinite(found.high).all()
    assert (found.low <= found.median).all()
    assert (found.median <= found.high).all()


def test_a_stated_price_does_not_move_the_range(predictor: PricePredictor) -> None:
    plain, stated = (predictor.run([text], "gifts") for text in ("small blue metal mug", "small blue metal mug £999"))
    assert stated.median[0] == pytest.approx(plain.median[0], rel=1e-3)


def test_a_megabyte_of_text_costs_no_more_than_its_beginning(predictor: PricePredictor) -> None:
    began = time.process_time()
    predictor.run(["small red mug £3 " * 60_000], "gifts")
    assert time.process_time() - began < 5


def test_an_unknown_market_is_named_with_those_there_are(predictor: PricePredictor) -> None:
    with pytest.raises(ValueError, match=r"'moon'.*gifts"):
        predictor.run(["mug"], "moon")


def test_nothing_asked_is_nothing_answered(predictor: PricePredictor) -> None:
    assert len(predictor.run([], "gifts").low) == 0


def test_an_artifact_that_lacks_a_tensor_is_refused(artifact: Path) -> None:
    stored = load(artifact)
    stored.tensors["gifts.weights"] = stored.tensors["gifts.weights"][:-1]
    with pytest.raises(ArtifactError, match="train it again"):
        PricePredictor(stored)


def test_pinball_loss_as_defined() -> None:
    loss = pinball(np.array([10.0]), np.array([[8.0, 10.0, 13.0]]))
    assert loss.tolist() == [pytest.approx([0.2, 0.0, 0.3])]


def test_baselines_answer_every_test_product_with_rising_quantiles() -> None:
    part = shop()
    for ranges in (by_category(part), by_ridge(part)):
        assert ranges.shape == (len(part.where([0])), 3)
        assert (np.diff(ranges, axis=1) >= 0).all()


def test_prices_are_read_by_product_without_cancellations(tmp_path: Path) -> None:
    (tmp_path / "gifts").mkdir()
    (tmp_path / "marketplace").mkdir()
    names = [f"MUG {number}" for number in range(40)]
    lines = ["InvoiceNo,Description,Quantity,UnitPrice"]
    for name in names:
        lines += [f"1,{name} ,2,3.0", f"2,{name},1,5.0", f"3,{name.lower()},9,4.0"]
        lines += [f"C4,{name},-1,900", f"5,{name},1,0", "6,,1,7"]
    _write(tmp_path / "gifts" / "transactions.csv.gz", lines)
    rows = [f'{name},long text,99.0,"[""Kitchen >> Mugs""]"' for name in names]
    columns = "product_name,description,retail_price,product_category_tree"
    _write(tmp_path / "marketplace" / "products.csv.gz", [columns, *rows, 'No price,text,,"[""A""]"'])
    gifts, market = prices.load(tmp_path)
    kept = {name.lower() for name in names} - set(np.array([n.lower() for n in names])[_bucket_one(names)])
    assert set(gifts.keys) == kept == set(market.keys)
    assert set(gifts.prices.tolist()) == {4.0}
    assert market.texts[0].endswith(". long text")
    assert set(market.categories) == {"Kitchen"}


def _bucket_one(names: list[str]) -> np.ndarray:
    return buckets([name.lower() for name in names]) == 1


def _write(file: Path, lines: list[str]) -> None:
    import gzip

    file.write_bytes(gzip.compress("\n".join(lines).encode()))


def test_the_manifest_says_what_it_was_fitted_on(artifact: Path) -> None:
    manifest = load(artifact).manifest
    assert manifest.training["fitted_buckets"] == [2, 3, 4, 5, 6, 7, 8]
    assert json.loads(json.dumps(manifest.inputs["markets"]["gifts"]))["limit"] > 1
