"""Chances of what the next purchase is like: honest, the same however the stream is cut, for names never seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.behaviour import BehaviourPredictor
from models.behaviour.lists import KEEP
from models.behaviour.price_bands import PriceBands, UsualPrices
from models.behaviour.taste import BANDS, TasteModel
from models.behaviour.taste_artifact import choose_taste, load_taste, save_taste
from models.behaviour.walk import EventLists
from models.columns import BehaviourBatch, ModelInfo
from models.data.splits import TEST, buckets
from models.data.tastes import Choices, of_gifts
from models.errors import ArtifactError
from models.evaluate.taste import MIX, POPULARITY, SHARE, evaluate
from models.train.taste import STARTS, fit, loss, train
from models.train.taste_cases import cases, events_of, usual_prices
from schemas.events import EVENT_TYPES
from schemas.state import attribute_key
from tests.unit.models.behaviour_worlds import START_MS, VIEW, predictor
from tests.unit.models.shops import load_gifts

COLOURS = ("red", "green", "blue", "white", "black", "pink")
PAIRS = [("colour", value) for value in COLOURS]
CATEGORIES = tuple(f"C{i}" for i in range(30))
LOW, MID, HIGH = (attribute_key(*band) for band in BANDS)
USUAL = UsualPrices(CATEGORIES, np.full(30, np.log(4), np.float32), np.full(30, 0.5, np.float32))
MODEL = TasteModel(ModelInfo("behaviour-taste", "1"), load_taste().weights, USUAL)


def shop(users: int = 60, purchases: int = 60, loyal: float = 0.6, seed: int = 0) -> Choices:
    """Every user has a colour and a price of their own, which so large a part of the purchases has; others: any."""
    random = np.random.default_rng(seed)
    user = np.repeat(np.arange(users, dtype=np.int32), purchases)
    n = len(user)
    own, price = random.integers(0, len(COLOURS), users)[user], np.array([1.0, 4.0, 16.0])[user % 3]
    value = np.where(random.random(n) < loyal, own, random.integers(0, len(COLOURS), n))
    return Choices(
        name="shop",
        attribute="colour",
        values=COLOURS,
        categories=CATEGORIES,
        user=user,
        bucket=buckets(str(number) for number in user.tolist()),
        times_ms=START_MS + np.arange(n, dtype=np.int64) * 1_000,
        category=random.integers(0, 30, n).astype(np.int32),
        price=np.where(
            random.random(n) < 0.1, 0.0, np.where(random.random(n) < loyal, price, random.choice([1.0, 4.0, 16.0], n))
        ),
        value=np.where(random.random(n) < 0.2, -1, value).astype(np.int8),
    )


def tasting(taste: TasteModel | None = MODEL) -> BehaviourPredictor:
    """The small predictor with a model of tastes."""
    small = predictor()
    parts = small.info, small.categories, small.products, small._network, small._shelf
    return BehaviourPredictor(*parts, taste=taste)


def step(model: BehaviourPredictor, events: EventLists, rows: np.ndarray | None = None) -> BehaviourBatch:
    """Events of one user, with chances of the colours."""
    rows = model.blank(1) if rows is None else rows
    return model.step(rows, [0] * len(events.types), events, tastes=model.tastes(PAIRS))


def bought(colours: list[str], prices: list[float] | None = None, kind: str = "purchase") -> EventLists:
    n = len(colours)
    attributes = [[attribute_key("colour", each)] if each else [] for each in colours]
    times = [START_MS + i for i in range(n)]
    return EventLists([EVENT_TYPES.index(kind)] * n, [3] * n, [-1] * n, attributes, [1] * n, times, prices=prices)


def test_a_band_is_beside_what_is_usual_in_the_category() -> None:
    usual = UsualPrices(("TEA", "WINE"), np.log([2, 20]).astype(np.float32), np.full(2, 0.5, np.float32))
    bands = PriceBands(usual, ["WINE", "SOAP", "TEA"])
    assert bands.of([0, 2, 0, 2, 0, 2], [5, 5, 20, 2, 50, 1]) == [1, 3, 2, 2, 3, 1]
    assert bands.of([-1, 1, 0, 0], [5, 5, 0, float("nan")]) == [0, 0, 0, 0]
    assert bands.of([0, 1], None) is bands.of([0, 1], [0.0, 0.0]) is None


def test_a_third_of_the_prices_of_a_category_is_in_each_band() -> None:
    random = np.random.default_rng(1)
    world = shop(users=40)
    prices = np.exp(random.normal(world.category, 1 + world.category % 3))
    world = replace(world, price=prices)
    found = PriceBands(usual_prices(world), CATEGORIES).of(world.category.tolist(), prices.tolist())
    assert found is not None
    np.testing.assert_allclose(np.bincount(found) / len(found), [0, 1 / 3, 1 / 3, 1 / 3], atol=0.05)


def test_price_bands_do_not_crowd_out_other_attributes() -> None:
    colours = [f"colour {i}" for i in range(8)]
    events = bought(colours * 3, [1.0, 4.0, 16.0] * 8)
    with_bands, without = (step(tasting(taste), events).rows for taste in (MODEL, None))
    for name in ("liked_key", "liked_weight"):
        np.testing.assert_array_equal(with_bands[name], without[name])
    assert (with_bands["price_band"] > 0).all()
    assert not without["price_band"].any()


def test_band_weights_fade_with_every_band_and_by_what_the_user_did() -> None:
    rows = step(tasting(), bought(["", "", ""], [1.0, 16.0, 16.0])).rows
    np.testing.assert_allclose(rows["price_band"][0], [KEEP**2, 0, 1 + KEEP], rtol=1e-6)
    rows = step(tasting(), bought(["red", "red"], [0.0, 4.0], "view"), rows).rows
    np.testing.assert_allclose(rows["price_band"][0], [KEEP**3, 0.1, (1 + KEEP) * KEEP], rtol=1e-6)
    assert step(tasting(), bought(["red"], [1.0], "search")).rows["price_band"].sum() == 0


def test_the_heaviest_band_stands_beside_the_three_heaviest_attributes() -> None:
    batch = step(tasting(), bought(["red", "red", "blue", "green", "pink"], [1, 16, 16, 16, 0]))
    assert batch.attribute_keys.shape == batch.attribute_share.shape == (5, 4)
    assert batch.attribute_keys[:, 3].tolist() == [LOW, HIGH, HIGH, HIGH, HIGH]
    assert batch.attribute_keys[-1, 0] == attribute_key("colour", "red")
    assert batch.attribute_share[1, 3] == pytest.approx(1 / (1 + KEEP))
    assert batch.attribute_share[-1, :3].sum() < 1
    assert batch.attribute_probability is not None
    assert ((batch.attribute_probability > 0) == (batch.attribute_keys > 0)).all()


def test_a_window_without_answers_moves_the_rows_all_the_same() -> None:
    model = tasting()
    events = bought(["red", ""], [1.0, 16.0])
    silent = model.step(model.blank(1), [0, 0], events, emit=[False, False], tastes=model.tastes(PAIRS))
    assert silent.attribute_probability is not None
    assert silent.attribute_keys.shape == silent.attribute_probability.shape == (0, 4)
    assert silent.rows["price_band"].tobytes() == step(model, events).rows["price_band"].tobytes()


def test_nothing_is_told_of_who_has_bought_nothing() -> None:
    batch = step(tasting(), bought([""]))
    assert not batch.attribute_keys.any()
    assert batch.attribute_probability is not None
    assert np.isnan(batch.attribute_probability).all()


def test_a_key_that_is_none_of_the_attributes_has_no_chance_and_takes_none() -> None:
    events = bought(["red", "", "blue"])
    assert events.attributes is not None
    mixed = events._replace(attributes=[events.attributes[0], [77], events.attributes[2]])
    plain, beside = step(tasting(), events), step(tasting(), mixed)
    assert plain.attribute_probability is not None
    assert beside.attribute_probability is not None
    assert beside.attribute_keys[-1, :3].tolist() == [
        attribute_key("colour", "blue"),
        77,
        attribute_key("colour", "red"),
    ]
    assert np.isnan(beside.attribute_probability[-1, 1])
    np.testing.assert_allclose(beside.attribute_probability[-1, [0, 2]], plain.attribute_probability[-1, :2], rtol=0.05)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 50, width=32), min_size=1, max_size=8), st.integers(0, 40))
def test_chances_are_chances_and_what_is_heavier_is_likelier(held: list[float], left: int) -> None:
    weights = np.array([held])
    found = MODEL.chances(weights, np.array([float(left)]))[0]
    if not weights.any():
        assert np.isnan(found).all()
        return
    assert ((found > 0) <= (weights[0] > 0)).all()
    assert found.sum() == pytest.approx(1) if not left else found.sum() < 1 + 1e-9
    order = np.argsort(weights[0])
    assert (np.diff(found[order]) >= -1e-12).all()


def test_more_evidence_is_believed_more() -> None:
    once, often = (MODEL.chances(np.array([[weight]]), np.array([5.0]))[0, 0] for weight in (1.0, 40.0))
    assert once < often - 0.1


def test_training_reads_what_the_stream_answers_from() -> None:
    world = shop(users=4, purchases=40)
    usual = usual_prices(shop())
    model = tasting(TasteModel(MODEL.info, MODEL.weights, usual))
    events, tastes, rows = events_of(world), model.tastes(PAIRS), model.blank(4)
    said: list[dict[int, float]] = []
    for start in range(0, len(world), 11):
        part = EventLists(*(None if each is None else each[start : start + 11] for each in events))  # type: ignore[arg-type]
        batch = model.step(rows, world.user[start : start + 11].tolist(), part, tastes=tastes)
        rows = batch.rows
        assert batch.attribute_probability is not None
        told = zip(batch.attribute_keys.tolist(), batch.attribute_probability.tolist(), strict=True)
        said += [dict(zip(keys, chances, strict=True)) for keys, chances in told]
    for task in cases(world, usual):
        chances = MODEL.chances(task.weights, task.left)
        after = [place for place in range(len(world)) if _asked(world, task.name, usual, place, said[place])]
        assert len(after) == len(task) > 50
        for row, place in enumerate(after):
            first = attribute_key(task.name, task.values[task.held[row, 0]])
            assert said[place][first] == pytest.approx(chances[row, 0], rel=1e-6)


def _asked(world: Choices, name: str, usual: UsualPrices, place: int, said: dict[int, float]) -> bool:
    """Whether something of the name is told after this purchase, and the user then buys something that has it."""
    bands = PriceBands(usual, CATEGORIES).of(world.category.tolist(), world.price.tolist()) or []
    later = range(place + 1, len(world))
    has = [
        world.value[i] >= 0 if name == "colour" else bands[i] > 0 for i in later if world.user[i] == world.user[place]
    ]
    told = {LOW, MID, HIGH} if name == "price_band" else {attribute_key(*pair) for pair in PAIRS}
    return any(has) and bool(told & said.keys())


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_answers_do_not_depend_on_how_the_stream_is_cut(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 30))
    colours = data.draw(st.lists(st.sampled_from(["", *COLOURS]), min_size=n, max_size=n))
    events = bought(colours, data.draw(st.lists(st.sampled_from([0.0, 1.0, 4.0, 16.0]), min_size=n, max_size=n)))
    events = events._replace(types=data.draw(st.lists(st.sampled_from([0, 1, 3, VIEW]), min_size=n, max_size=n)))
    model = tasting()
    slots, tastes = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)), model.tastes(PAIRS)
    whole = model.step(model.blank(3), slots, events, tastes=tastes)
    rows, single = model.blank(3), []
    for place in range(n):
        one = EventLists(*(None if each is None else each[place : place + 1] for each in events))  # type: ignore[arg-type]
        batch = model.step(rows, slots[place : place + 1], one, tastes=tastes)
        rows = batch.rows
        single.append(batch)
    for name in ("attribute_keys", "attribute_share", "attribute_probability"):
        np.testing.assert_allclose(
            getattr(whole, name), np.concatenate([getattr(each, name) for each in single]), atol=1e-9
        )
    np.testing.assert_array_equal(whole.rows["price_band"], rows["price_band"])


def test_the_fit_finds_how_loyal_users_are() -> None:
    firsts = []
    for loyal in (0.2, 0.9):
        world = shop(loyal=loyal)
        colour, _ = cases(world, usual_prices(world))
        numbers = fit([colour], STARTS[0])
        assert loss(numbers, [colour]) < loss(np.array(STARTS[0]), [colour])
        chance = TasteModel(MODEL.info, numbers, USUAL).chances(colour.weights, colour.left)[:, 0]
        right = colour.chosen == colour.held[:, 0]
        assert chance.mean() == pytest.approx(right.mean(), abs=0.04)
        firsts.append(chance.mean())
    assert firsts[0] + 0.3 < firsts[1]


def test_what_comes_next_skips_purchases_without_the_attribute_and_stays_with_the_user() -> None:
    value = np.array([-1, 2, -1, 3, -1, 4, -1, -1, 4, 5], np.int8)
    world = replace(shop(users=2, purchases=5), value=value, price=np.zeros(10))
    colour, bands = cases(world, USUAL)
    assert colour.chosen.tolist() == [3, 3, 4, 4, 4, 5]
    assert colour.held[:, 0].tolist() == [2, 2, 4, 4, 4, 4]
    assert len(bands) == 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Choices]]:
    """On two shops, of which one is fickle."""
    path, shops = tmp_path_factory.mktemp("taste"), [shop(users=50), shop(users=50, loyal=0.3, seed=1)]
    train(path, path, shops=shops)
    return path, shops


def test_figures_come_with_intervals_and_baselines(trained: tuple[Path, list[Choices]]) -> None:
    path, shops = trained
    result = evaluate(path, path, shops=shops)
    assert {row["task"] for row in result["figures"]} == {"next colour", "next price_band"}
    for row in result["figures"]:
        assert row["low"] <= row["value"] <= row["high"]
        assert set(row["baselines"]) == {SHARE, POPULARITY, MIX}
        if row["metric"] == "log loss":
            assert row["value"] < row["baselines"][SHARE]
    assert evaluate(path, path, shops=shops, baselines=False)["figures"][0]["baselines"] == {}


def test_the_test_users_teach_nothing(trained: tuple[Path, list[Choices]], tmp_path: Path) -> None:
    path, shops = trained
    others = [replace(each, value=np.where(each.bucket == TEST, 0, each.value).astype(np.int8)) for each in shops]
    train(tmp_path, tmp_path, shops=others)
    assert load_taste(tmp_path).info == load_taste(path).info


def test_a_stored_model_answers_as_before(trained: tuple[Path, list[Choices]], tmp_path: Path) -> None:
    loaded = load_taste(trained[0])
    save_taste(tmp_path, loaded, metrics={}, training={})
    again = load_taste(tmp_path)
    assert again.info == loaded.info
    np.testing.assert_array_equal(again.weights, loaded.weights)
    np.testing.assert_array_equal(again.usual.price_spread, loaded.usual.price_spread)


@pytest.mark.parametrize(("said", "other"), [("slope_more", "slope_less"), ('"C29"', '"C29", "C30"')])
def test_an_artifact_that_does_not_fit_is_refused(tmp_path: Path, said: str, other: str) -> None:
    save_taste(tmp_path, MODEL, metrics={}, training={})
    text = (tmp_path / "manifest.json").read_text()
    assert said in text
    (tmp_path / "manifest.json").write_text(text.replace(said, other))
    with pytest.raises(ArtifactError, match="train taste"):
        load_taste(tmp_path)


def test_a_model_is_chosen_by_word_or_folder(trained: tuple[Path, list[Choices]], tmp_path: Path) -> None:
    assert choose_taste(Path("none")) is None
    shipped, mine = choose_taste(None), choose_taste(trained[0])
    assert shipped is not None
    assert mine is not None
    assert shipped.info == load_taste().info != mine.info
    with pytest.raises(ArtifactError, match="no artifact at"):
        choose_taste(tmp_path / "missing")


def test_the_colour_of_a_gift_is_the_first_that_its_description_names(tmp_path: Path) -> None:
    day = "2011-01-05 10:00:00"
    load_gifts(tmp_path, [
        f"1,A,RED AND WHITE TIN,1,{day},2.5,7,France",
        f"1,B,bored cat,1,{day},0,7,France",
        f"1,C,T-LIGHT PINK,1,{day},1,7,France",
    ])  # fmt: skip
    found = of_gifts(tmp_path)
    assert [found.values[value] if value >= 0 else "" for value in found.value.tolist()] == ["red", "", "pink"]
    assert found.price.tolist() == [2.5, 0, 1]
    assert found.take(np.array([0])).fingerprint() != found.fingerprint()
