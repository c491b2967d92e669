"""Risk: what is unlike the user scores higher, for a reason, however the stream is cut; there and back on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.behaviour import BehaviourPredictor, EventLists
from models.behaviour.recent import NO_EVENT
from models.behaviour.risk import BLOCK, RiskReader, country_number
from models.behaviour.risk_artifact import load_risk, save_risk
from models.behaviour.risk_model import FEATURES, RiskModel, Weights, features
from models.behaviour.row import RISK_BYTES
from models.columns import ModelInfo, Risks
from models.errors import ArtifactError
from tests.unit.models.behaviour_worlds import CATEGORIES, HOUR_MS, PURCHASE, START_MS, VIEW, predictor

DAY = 24.0


def model() -> RiskModel:
    """Weights of one unit that add up what is unusual; one event in all is notable."""
    shares, prices = np.linspace(0.05, 0.3, CATEGORIES), np.zeros(CATEGORIES + 1)
    plus = {"mean surprise", "mean price", "share of new", "hour", "country", "events beside the usual"}
    weights = Weights(
        mean=np.zeros(len(FEATURES)),
        scale=np.ones(len(FEATURES)),
        hidden=np.array([[1.0 if name in plus else 0.0] for name in FEATURES]),
        hidden_bias=np.full(1, 20.0),
        out=np.ones(1),
        out_bias=-22.0,
        slope=1.0,
        intercept=0.0,
        alarm=0.9,
        notable=0.5,
    )
    return RiskModel(ModelInfo("r", "1"), [f"C{i}" for i in range(CATEGORIES)], shares, prices, weights)


def watched() -> BehaviourPredictor:
    """The small predictor with that model."""
    small = predictor()
    return BehaviourPredictor(small.info, small.categories, small.products, small._network, small._shelf, risk=model())


MODEL = watched()


def events(hours: list[float], categories: list[int], **columns: list[float]) -> EventLists:
    """Purchases of one user at these hours, of a product of each category."""
    n = len(hours)
    return EventLists(
        [PURCHASE] * n,
        categories,
        [int(one) for one in columns.get("products", categories)],
        None,
        [int(hour // DAY) + 1 for hour in hours],
        [START_MS + int(hour * HOUR_MS) for hour in hours],
        prices=list(columns.get("prices", [1.0] * n)),
        countries=[int(one) for one in columns.get("countries", [0] * n)],
    )


def risks(lists: EventLists, slots: list[int] | None = None) -> Risks:
    n = len(lists.types)
    found = MODEL.step(MODEL.blank(max(slots or [0]) + 1), slots or [0] * n, lists).risks
    assert found is not None
    return found


HABIT = events([DAY * day for day in range(20)], [1, 2] * 10)


def after_habit(hour: float, category: int, **columns: float) -> Risks:
    """The score of one more event of a user of habits."""
    last = {name: [value] for name, value in columns.items()}
    more = events([DAY * 30 + hour], [category], **last)
    joined = EventLists(*(a + b if isinstance(a, list) else None for a, b in zip(HABIT, more, strict=True)))  # type: ignore[arg-type,operator]
    found = risks(joined)
    return Risks(found.scores[-1:], {0: found.reasons[20]} if 20 in found.reasons else {}, found.alarm)


def test_the_block_takes_the_bytes_the_row_has_for_it() -> None:
    assert BLOCK.itemsize == RISK_BYTES


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("category", {"category": 9, "products": 1}),
        ("price", {"prices": 20.0}),
        ("product", {"products": 61}),
        ("hour", {"hour": 12.0}),
    ],
)
def test_what_the_user_never_does_scores_higher_and_is_the_reason(name: str, more: dict[str, float]) -> None:
    usual = after_habit(0, 1)
    odd = after_habit(more.pop("hour", 0), int(more.pop("category", 1)), **more)
    assert odd.scores[0] > usual.scores[0]
    unusual = replace(model().weights, notable=0.0)
    assert unusual.notable == 0
    assert name in [reason.name for reason in odd.reasons.get(0, [])] or odd.scores[0] < model().weights.notable


def test_many_events_at_once_are_a_rate() -> None:
    burst = events([*(DAY * day for day in range(20)), *([DAY * 30] * 30)], [1, 2] * 10 + [1] * 30)
    assert np.diff(risks(burst).scores[20:]).min() >= 0
    assert risks(burst).scores[-1] > risks(burst).scores[20]


def test_another_country_than_ever_scores_higher_and_says_so() -> None:
    home, away = country_number("DE"), country_number("BR")
    n = 21
    there = events([DAY * day for day in range(n)], [1] * n, countries=[home] * (n - 1) + [away])
    stayed = events([DAY * day for day in range(n)], [1] * n, countries=[home] * n)
    assert risks(there).scores[-1] > risks(stayed).scores[-1]
    assert risks(there).reasons[n - 1][0].name == "country"


def test_countries_have_numbers_of_their_own() -> None:
    assert (country_number(None), country_number("AA"), country_number("ZZ")) == (0, 1, 676)


def test_an_event_that_does_not_count_has_no_score_and_moves_nothing() -> None:
    rows = MODEL.step(MODEL.blank(1), [0] * 20, HABIT).rows
    still = EventLists([NO_EVENT], [-1], [-1], None, [0], [int(rows["seen_ms"][0])])
    batch = MODEL.step(rows, [0], still)
    assert batch.risks is not None
    assert np.isnan(batch.risks.scores).all()
    np.testing.assert_array_equal(batch.rows["risk"], rows["risk"])


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_scores_and_blocks_do_not_depend_on_how_the_stream_is_cut(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 30))
    slots = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    hours = sorted(data.draw(st.lists(st.floats(0, 200), min_size=n, max_size=n)))
    lists = EventLists(
        data.draw(st.lists(st.sampled_from([PURCHASE, PURCHASE, VIEW, NO_EVENT]), min_size=n, max_size=n)),
        data.draw(st.lists(st.integers(-1, CATEGORIES - 1), min_size=n, max_size=n)),
        data.draw(st.lists(st.integers(-1, 80), min_size=n, max_size=n)),
        None,
        data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)),
        [START_MS + int(hour * HOUR_MS) for hour in hours],
        prices=data.draw(st.lists(st.sampled_from([0.0, 1e-300, 0.5, 3.0, 1e9]), min_size=n, max_size=n)),
        countries=data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)),
    )
    whole = MODEL.step(MODEL.blank(3), slots, lists)
    rows, scores = MODEL.blank(3), []
    size = data.draw(st.integers(1, 7))
    for start in range(0, n, size):
        cut = slice(start, start + size)
        part = EventLists(*(column[cut] if column is not None else None for column in lists))  # type: ignore[arg-type]
        batch = MODEL.step(rows, slots[cut], part)
        assert batch.risks is not None
        rows = batch.rows
        scores += batch.risks.scores.tolist()
    assert whole.risks is not None
    np.testing.assert_allclose(scores, whole.risks.scores, atol=1e-6)
    np.testing.assert_array_equal(rows["risk"], whole.rows["risk"])


def test_a_visit_of_more_events_than_fit_and_the_strangest_prices_are_scored() -> None:
    block = bytearray(RISK_BYTES)
    block[2:4] = (59_999).to_bytes(2, "little")
    follower = RiskReader([0.1], [0.0, 0.0]).follow(block, 0)
    next(follower)
    for price in (1e9, 1e-300, 1e9, 0.0):
        signs = follower.send((0, 0.0, 1e9, True, price, 5, START_MS, START_MS, True))
        assert np.isfinite(signs).all()
        assert signs[0] == 60_000
    follower.close()
    assert int.from_bytes(block[2:4], "little") == 60_000


def test_a_model_is_the_same_after_saving_and_loading(tmp_path: Path) -> None:
    save_risk(tmp_path, model(), metrics={}, training={})
    loaded = load_risk(tmp_path)
    x = np.random.default_rng(1).normal(size=(50, len(FEATURES)))
    np.testing.assert_array_equal(loaded.weights.score(x), model().weights.score(x))
    assert loaded.categories == model().categories


def test_an_artifact_of_other_features_is_refused(tmp_path: Path) -> None:
    manifest = save_risk(tmp_path, model(), metrics={}, training={})
    text = (tmp_path / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(text.replace('"hour"', '"moon"'))
    assert manifest.kind == "risk"
    with pytest.raises(ArtifactError, match="train risk"):
        load_risk(tmp_path)


def test_features_are_finite_for_a_new_user() -> None:
    signs = MODEL.observe(1, [0], events([0.0], [1]), model().reader(MODEL.categories))
    x, told = features(signs)
    assert x.shape == (1, len(FEATURES))
    assert np.isfinite(x).all()
    assert all(np.isfinite(column).all() for pair in told.values() for column in pair)
