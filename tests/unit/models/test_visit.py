"""The days until the next basket: honest with who is not seen again, and the same however the stream is cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.behaviour import BehaviourPredictor
from models.behaviour.visit import FEATURES, HORIZON, VisitModel, _days_at, at_days
from models.behaviour.visit_artifact import choose_visit, load_visit, save_visit
from models.behaviour.walk import EventLists
from models.columns import ModelInfo
from models.data import journey
from models.data.sequences import as_events
from models.errors import ArtifactError
from models.evaluate.visit import OWN, SCALED, evaluate
from models.train.seeds import seeded
from models.train.visit import _levels, calibrated, fit, train
from models.train.visit_cases import Visits, visits
from tests.unit.models.behaviour_shop import shop
from tests.unit.models.behaviour_worlds import CATEGORIES, HOUR_MS, PURCHASE, START_MS, VIEW, predictor

SHIPPED = load_visit()


def watching() -> BehaviourPredictor:
    """The small predictor with the shipped model of visits."""
    small = predictor()
    parts = small.info, small.categories, small.products, small._network, small._shelf
    return BehaviourPredictor(*parts, visit=SHIPPED)


MODEL = watching()


def happened(hours: list[float], types: list[int], categories: list[int], sessions: list[int]) -> EventLists:
    times = [START_MS + round(hour * HOUR_MS) for hour in hours]
    return EventLists(types, categories, [-1] * len(hours), None, sessions, times)


def bought(hours: list[float]) -> EventLists:
    """A basket at each of these hours."""
    return happened(hours, [PURCHASE] * len(hours), [3] * len(hours), list(range(1, len(hours) + 1)))


def answers(events: EventLists) -> list[tuple[float, float, float] | None]:
    found = MODEL.step(MODEL.blank(1), [0] * len(events.types), events).next_visit
    assert found is not None
    return found


def answer(events: EventLists) -> tuple[float, float, float]:
    last = answers(events)[-1]
    assert last is not None
    return last


def test_who_comes_more_often_is_expected_earlier() -> None:
    daily, weekly = (answer(bought([24.0 * gap * i for i in range(15)])) for gap in (1, 7))
    assert daily[1] < 2 < weekly[1] < 14
    for low, median, high in (daily, weekly):
        assert 0 <= low <= median <= high <= HORIZON


def test_a_user_who_has_bought_nothing_gets_no_answer() -> None:
    assert answers(happened([0, 1], [VIEW, VIEW], [3, -1], [1, 1])) == [None, None]
    assert answers(happened([0, 1], [VIEW, PURCHASE], [3, 3], [1, 1]))[0] is None


@pytest.mark.parametrize("waited", [0.5, 3.0, 20.0, 200.0])
def test_who_has_not_come_for_a_while_is_answered_by_what_is_left(waited: float) -> None:
    weekly = [24.0 * 7 * i for i in range(15)]
    events = bought([*weekly, weekly[-1] + 24 * waited])
    later = events._replace(types=[*events.types[:-1], VIEW], categories=[*events.categories[:-1], -1])
    low, median, high = answer(later)
    assert 0 <= low < median < high <= HORIZON
    if waited == 3:
        assert low + waited > answer(bought(weekly))[0]  # those who come within three days are out of the question
        assert median < answer(bought(weekly))[1]


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 400))
def test_days_and_shares_are_two_views_of_one_distribution(days: float) -> None:
    sums = SHIPPED.sums(np.zeros((1, len(FEATURES))))[0].tolist()
    assert _days_at(sums, at_days(sums, days)) == pytest.approx(days, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_answers_do_not_depend_on_how_the_stream_is_cut(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 30))
    slots = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    events = happened(
        sorted(data.draw(st.lists(st.sampled_from([0, 0.5, 20, 20, 200, 2000]), min_size=n, max_size=n))),
        data.draw(st.lists(st.sampled_from([PURCHASE, PURCHASE, VIEW]), min_size=n, max_size=n)),
        data.draw(st.lists(st.integers(-1, CATEGORIES - 1), min_size=n, max_size=n)),
        data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)),
    )
    whole = MODEL.step(MODEL.blank(3), slots, events).next_visit
    rows, single = MODEL.blank(3), []
    for place in range(n):
        one = EventLists(*(column[place : place + 1] if column is not None else None for column in events))  # type: ignore[arg-type]
        batch = MODEL.step(rows, slots[place : place + 1], one)
        rows = batch.rows
        assert batch.next_visit is not None
        single += batch.next_visit
    assert whole == single


def test_training_reads_what_the_stream_answers_from() -> None:
    world = journey.events(shop(households=6))
    every = visits(world, int(world.times_ms.max()))
    small = predictor()
    _, user = np.unique(world.household, return_inverse=True)
    shape = world.categories, small.products, small._network, small._shelf
    model = BehaviourPredictor(small.info, *shape, visit=SHIPPED)
    rows, found = model.blank(6), []
    for start in range(0, len(world), 11):
        cut = slice(start, start + 11)
        batch = model.step(rows, user[cut].tolist(), EventLists.of(as_events(world).take(cut)))
        rows = batch.rows
        found += batch.next_visit or []
    assert found == SHIPPED.answers(every.x, [0.0] * len(world))


def test_outcomes_are_the_beginnings_of_the_next_baskets() -> None:
    world = journey.events(shop(households=3, baskets=4))
    end_ms = int(world.times_ms.max())
    every = visits(world, end_ms)
    for place in range(len(world)):
        mine = (world.household == world.household[place]) & (world.times_ms > world.times_ms[place])
        assert every.came[place] == mine.any()
        following = world.times_ms[mine].min() if mine.any() else end_ms
        assert every.days[place] == pytest.approx((following - world.times_ms[place]) / 86_400_000)
    assert every.last.sum() == 12


def drawn(n: int, watched: float, seed: int) -> Visits:
    """Users who come back after 10 days on average, watched for that long at most."""
    random = np.random.default_rng(seed)
    days, seen = random.exponential(10, n), random.random(n) * watched
    x = random.normal(size=(n, len(FEATURES)))
    came = days < seen
    none = np.zeros(n, np.int64)
    return Visits(x, np.where(came, days, seen), came, seen, came, none.astype(np.int32), none)


def test_who_is_not_seen_again_counts_for_the_days_that_were_watched() -> None:
    taught, held = drawn(6_000, 20, 1), drawn(3_000, 20, 2)
    assert taught.came.mean() < 0.6
    seeded(3)
    weights, _ = fit(taught, held, 10)
    found = np.array(VisitModel(ModelInfo("v", ""), calibrated(weights, held)).answers(held.x, [0.0] * 3_000))
    expected = -10 * np.log([0.9, 0.5])
    np.testing.assert_allclose(found[:, :2].mean(axis=0), expected, rtol=0.15)
    came = taught.take(taught.came)
    assert np.median(came.days) < 0.7 * expected[1]  # what leaving the others out would have given


def test_levels_are_the_shares_that_so_many_came_before() -> None:
    share = np.linspace(0.001, 1, 1_000)
    everyone = np.ones(1_000, bool)
    np.testing.assert_allclose(_levels(share, everyone), [0.1, 0.5, 0.9], atol=2e-3)
    np.testing.assert_allclose(_levels(share**2, everyone), [0.01, 0.25, 0.81], atol=4e-3)
    random = np.random.default_rng(4)
    truth, seen = random.random(20_000), random.random(20_000) * 2
    np.testing.assert_allclose(_levels(np.minimum(truth, seen), truth <= seen), [0.1, 0.5, 0.9], atol=0.02)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    """On households that come every five days; the figures by metric of the first task."""
    path = tmp_path_factory.mktemp("visit")
    result = train(path, epochs=150, purchases=shop(households=60, baskets=25))
    first = result["figures"][0]["task"]
    figures = {row["metric"]: row["value"] for row in result["figures"] if row["task"] == first}
    return path, figures


def test_households_that_come_every_five_days_are_expected_in_five(trained: tuple[Path, dict[str, float]]) -> None:
    _, figures = trained
    assert figures["mean absolute error, days"] < 1
    assert 0.6 <= figures["coverage of the 80 % interval"] <= 1


def test_figures_come_with_intervals_and_baselines(trained: tuple[Path, dict[str, float]]) -> None:
    result = evaluate(trained[0], purchases=shop(households=60, baskets=25))
    for row in result["figures"]:
        assert row["low"] <= row["value"] <= row["high"]
        assert {OWN, SCALED} < set(row["baselines"])
    assert evaluate(trained[0], purchases=shop(households=60, baskets=25), households=2)["households"] == 2


def test_a_stored_model_answers_as_before(trained: tuple[Path, dict[str, float]], tmp_path: Path) -> None:
    loaded = load_visit(trained[0])
    x = np.random.default_rng(1).normal(size=(200, len(FEATURES)))
    save_visit(tmp_path, loaded.weights, metrics={}, training={})
    again = load_visit(tmp_path)
    assert again.info == loaded.info
    assert again.answers(x, [1.0] * 200) == loaded.answers(x, [1.0] * 200)


def test_an_artifact_of_other_features_is_refused(tmp_path: Path) -> None:
    save_visit(tmp_path, SHIPPED.weights, metrics={}, training={})
    text = (tmp_path / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(text.replace("baskets a day", "moons a day"))
    with pytest.raises(ArtifactError, match="train visit"):
        load_visit(tmp_path)


def test_a_model_is_chosen_by_word_or_folder(trained: tuple[Path, dict[str, float]], tmp_path: Path) -> None:
    assert choose_visit(Path("none")) is None
    shipped, mine = choose_visit(None), choose_visit(trained[0])
    assert shipped is not None
    assert mine is not None
    assert shipped.info == SHIPPED.info != mine.info
    with pytest.raises(ArtifactError, match="no artifact at"):
        choose_visit(tmp_path / "missing")
