"""The model of sessions: 40 bytes of counters, features that know nothing of what comes, chances that are honest."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ArtifactError
from models.evaluate.store import walked_of
from models.session.chances import Chances
from models.session.counters import BLANK, CART, DTYPE, FEATURES, LAYOUT, PURCHASE, VIEW, Event, step
from models.session.log import Walked, key
from models.session.network import INPUTS
from models.session.predictor import SessionModel, answer, load_session, save_session
from models.session.rates import Rates, fit_rates
from models.train.session_fit import fit
from tests.unit.models.shops import load_log, log

EVENTS = st.builds(
    Event,
    st.sampled_from([VIEW, CART, PURCHASE, 2, 4, 5]),
    st.sampled_from([1, 2]),
    st.sampled_from([0, 7, 39, 2**32 - 1]),
    st.sampled_from([0, 1, 65_535]),
    st.sampled_from([0.0, 0.01, 35.5, 1e9]),
    st.sampled_from([0, 1_569_888_000, 1_569_888_100, 2**32 - 1]),
)


def told(raw: bytes, *events: Event) -> tuple[np.void, dict[str, float]]:
    """Counters after the events, and the features of the last."""
    numbers: list[float] = []
    for event in events:
        raw, numbers = step(raw, event)
    return np.frombuffer(raw, DTYPE)[0], dict(zip(FEATURES, numbers, strict=True))


def test_the_counters_take_forty_bytes() -> None:
    assert LAYOUT.size == DTYPE.itemsize == 40


@given(st.lists(EVENTS, max_size=20))
@settings(deadline=None)
def test_any_events_leave_forty_bytes_and_finite_features(events: list[Event]) -> None:
    raw = BLANK
    for event in events:
        raw, numbers = step(raw, event)
        assert len(raw) == 40
        assert len(numbers) == len(FEATURES)
        assert np.isfinite(numbers).all()


def test_a_long_session_stops_at_the_largest_counts() -> None:
    events = [Event(VIEW, 1, 7, 3, 10.0, 1_000 * at) for at in range(300)]
    counters, _ = told(BLANK, *events)
    assert counters["views"] == counters["priced"] == counters["again"] == 255
    assert counters["last"] == 65_535


def test_a_cart_is_open_until_a_purchase() -> None:
    view, cart, bought = (Event(kind, 1, 7, 3, 10.0, at) for at, kind in enumerate((VIEW, CART, PURCHASE)))
    assert told(BLANK, view)[1]["cart_open"] == 0
    assert told(BLANK, view, cart)[1]["in_cart"] == 1
    assert told(BLANK, view, cart, bought)[1]["cart_open"] == 0


def test_another_session_begins_anew_and_remembers_that_there_was_one() -> None:
    counters, features = told(
        BLANK, Event(VIEW, 1, 7, 3, 10.0, 5), Event(PURCHASE, 1, 7, 3, 10.0, 6), Event(VIEW, 2, 8, 3, 10.0, 90)
    )
    assert (counters["views"], counters["purchases"], counters["sessions"], counters["bought"]) == (1, 0, 1, 1)
    assert features["is_first"] == 1
    assert features["seconds"] == 0


def test_a_product_seen_before_is_a_return() -> None:
    events = [Event(VIEW, 1, product, 3, 10.0, at) for at, product in enumerate((7, 8, 8, 7))]
    counters, _ = told(BLANK, *events)
    assert (counters["products"], counters["returns"], counters["again"]) == (2, 1, 0)


def test_the_log_is_walked_as_a_stream_walks_rows(tmp_path: Path) -> None:
    visits = load_log(tmp_path, log())
    walked = walked_of(visits)
    user = visits.user[len(visits) // 2]
    raw, row = BLANK, {}
    for place in np.flatnonzero(visits.user == user).tolist():
        event = Event(
            int(visits.types[place]),
            key(str(visits.session[place])),
            key(str(visits.product[place])),
            key(str(visits.category[place])) & 0xFFFF or 1,
            float(visits.price[place]),
            int(visits.times_ms[place]) // 1_000,
        )
        raw, row[place] = step(raw, event)
    for place, numbers in row.items():
        np.testing.assert_array_equal(walked.features[place], np.array(numbers, np.float32))


def test_features_know_nothing_of_what_comes(tmp_path: Path) -> None:
    visits = load_log(tmp_path, log())
    whole, half = walked_of(visits), walked_of(visits.take(np.arange(100)))
    np.testing.assert_array_equal(whole.features[:100], half.features)


def test_a_rate_for_fitting_leaves_the_user_out() -> None:
    keys = np.array([5, 5, 5, 6], np.uint32)
    bought, users = np.array([True, True, False, False]), np.array([1, 1, 2, 2])
    rates, gains = fit_rates(keys, bought, users, prior=2.0)
    alone, _ = fit_rates(keys[2:], bought[2:] | np.array([False, True]), users[2:], prior=2.0)
    assert gains[0] == gains[1] < 0 < gains[2]  # user 1 sees user 2, who bought nothing, and the other way round
    assert gains[3] == 0
    assert len(alone.keys) == 2
    assert rates.of(np.array([6, 5, 77], np.uint32))[2] == 0
    assert Rates(np.zeros(0, np.uint32), np.zeros(0, np.float32)).of(keys).tolist() == [0, 0, 0, 0]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[SessionModel, Walked, np.ndarray]:
    visits = load_log(tmp_path_factory.mktemp("store"), log(400))
    walked, later = walked_of(visits), visits.bought_later()
    taught = visits.user % 3 > 0
    model, _ = fit(
        (walked.take(taught), later[taught], visits.user[taught]),
        (walked.take(~taught), later[~taught]),
        seed=7,
        progress=False,
    )
    return model, walked, later


def test_a_cart_makes_a_purchase_likelier(fitted: tuple[SessionModel, Walked, np.ndarray]) -> None:
    model, walked, later = fitted
    chance = model.run(walked)
    carted = walked.features[:, FEATURES.index("is_cart")] == 1
    assert chance[carted].mean() > 3 * chance[~carted].mean()
    assert abs(chance.mean() - later.mean()) < 0.05


def test_numpy_answers_as_the_network_does() -> None:
    _, model = load_session()
    inputs = np.random.default_rng(2).normal(1, 3, (200, INPUTS)).astype(np.float32)
    inputs[0], inputs[1] = 1e6, -1e6
    np.testing.assert_allclose(Chances(model.network).of(inputs), answer(model.network, inputs), atol=2e-6)


def test_a_stored_model_answers_as_before(fitted: tuple[SessionModel, Walked, np.ndarray], tmp_path: Path) -> None:
    model, walked, _ = fitted
    manifest = save_session(tmp_path, model, metrics={}, training={})
    info, again = load_session(tmp_path)
    assert info.version == manifest.version
    np.testing.assert_array_equal(again.run(walked), model.run(walked))


def test_a_model_of_other_features_is_refused(
    fitted: tuple[SessionModel, Walked, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.session.predictor.FEATURES", FEATURES[1:])
    save_session(tmp_path, fitted[0], metrics={}, training={})
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match="train behaviour --set store"):
        load_session(tmp_path)


def test_the_shipped_model_sees_a_purchase_come_after_a_cart(tmp_path: Path) -> None:
    _, model = load_session()
    walked = walked_of(load_log(tmp_path, log()))
    carted = walked.features[:, FEATURES.index("is_cart")] == 1
    chance = model.run(walked)
    assert chance[carted].min() > 3 * chance[~carted & (walked.features[:, FEATURES.index("cart_open")] == 0)].mean()
