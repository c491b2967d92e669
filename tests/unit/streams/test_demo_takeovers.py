"""The demo's takeovers: nobody's purchases are lost or out of order, and who is taken over is known by then."""

from dataclasses import replace

import numpy as np
import pytest

from models.data.takeovers import KINDS, KNOWN_LINES, LINES
from schemas.codec import Codec
from schemas.events import UserBehaviour
from streams.demo.purchases import COUNTRY_NAMES, NONE, Year, first_of
from streams.demo.takeovers import take_over
from tests.unit.streams.making_years import make_year

HOUR_MS = 3_600_000
EVERY = 50
HOUSEHOLDS = 3  # of the test split, of five


def long_year(seed: int) -> Year:
    """Some 1,200 lines a household, a basket every day or two in the mean; prices differ."""
    year = make_year(seed, 6_000)
    head = first_of(year.basket)
    return replace(
        year,
        times_ms=np.cumsum(head).astype(np.int64) * 7 * HOUR_MS,
        price=np.random.default_rng(seed).integers(0, 9, len(year)).astype(np.float64),
    )


@pytest.fixture(scope="module", params=range(3))
def years(request: pytest.FixtureRequest) -> tuple[Year, Year]:
    """A year before and after."""
    year = long_year(request.param)
    return year, take_over(year, HOUSEHOLDS, EVERY)


def of_household(year: Year, household: int) -> np.ndarray:
    return np.flatnonzero(year.household == household)


def test_every_purchase_is_sent_once_and_those_of_others_in_their_order(years: tuple[Year, Year]) -> None:
    year, sent = years
    own = sent.takeover == NONE
    for household in range(5):
        before, after = of_household(year, household), np.flatnonzero(own & (sent.household == household))
        assert len(before) == len(after)
        for column in ("product", "category", "quantity", "price", "basket"):
            found = getattr(sent, column)[after], getattr(year, column)[before]
            if household >= HOUSEHOLDS:
                np.testing.assert_array_equal(*found)
            assert sorted(found[0].tolist()) == sorted(found[1].tolist())
    others = sent.household >= HOUSEHOLDS
    np.testing.assert_array_equal(sent.times_ms[others], year.times_ms[year.household >= HOUSEHOLDS])


def test_the_events_of_a_household_are_in_the_order_of_its_clock(years: tuple[Year, Year]) -> None:
    _, sent = years
    for household in range(5):
        assert (np.diff(sent.times_ms[of_household(sent, household)]) >= 0).all()


def test_households_that_the_models_never_saw_are_taken_over_once_each_when_they_are_known(
    years: tuple[Year, Year],
) -> None:
    _, sent = years
    kinds = []
    for household in range(5):
        lines = of_household(sent, household)
        taken = np.flatnonzero(sent.takeover[lines] != NONE)
        assert bool(len(taken)) == (household < HOUSEHOLDS)
        if len(taken):
            assert 1 <= len(taken) <= LINES[1]
            assert taken[0] > KNOWN_LINES
            assert sent.in_test[lines].all()
            kinds += np.unique(sent.takeover[lines][taken]).tolist()
    assert sorted(kinds) == list(range(HOUSEHOLDS))


def test_each_kind_has_its_turn_between_so_many_lines_of_the_year(years: tuple[Year, Year]) -> None:
    year, sent = years
    others = np.flatnonzero(year.household >= HOUSEHOLDS)
    passed = np.cumsum(sent.household >= HOUSEHOLDS)
    for turn in range(HOUSEHOLDS):
        lines = np.flatnonzero(sent.takeover == turn)
        assert others[passed[lines[0]]] > turn * EVERY
        assert others[passed[lines[-1]] - 1] < (turn + 1) * EVERY


def test_nothing_is_wanted_of_who_is_taken_over_and_the_same_as_ever_of_the_others(years: tuple[Year, Year]) -> None:
    year, sent = years
    taken = sent.household < HOUSEHOLDS
    for column in ("wanted", "wanted_product"):
        assert (getattr(sent, column)[taken] == NONE).all()
        np.testing.assert_array_equal(getattr(sent, column)[~taken], getattr(year, column)[year.household >= 3])
        assert getattr(sent, column).dtype == getattr(year, column).dtype


def test_a_product_is_new_at_its_first_line_in_the_order_of_sending(years: tuple[Year, Year]) -> None:
    _, sent = years
    np.testing.assert_array_equal(sent.new_product, first_of(sent.product))


def test_an_open_takeover_is_from_another_country_and_a_hidden_one_is_not() -> None:
    sent = take_over(long_year(1), HOUSEHOLDS, EVERY)
    events = [Codec(UserBehaviour).decode(event) for event in sent.events(0, len(sent))]
    for kind, abroad in (("open", True), ("hidden", False)):
        (household,) = set(sent.household[sent.takeover == KINDS.index(kind)].tolist())
        mine = of_household(sent, household)
        home = {events[line].country for line in mine if sent.country[line] and sent.takeover[line] == NONE}
        there = {events[line].country for line in mine if sent.takeover[line] != NONE}
        assert len(there) == 1
        assert there <= {None, *COUNTRY_NAMES.values()}
        usual = max(home, key=lambda code: sum(events[line].country == code for line in mine), default=None)
        assert (there != {usual}) == abroad


def test_an_event_tells_the_price_of_one_piece_where_there_is_one() -> None:
    year = replace(make_year(1), price=np.where(np.arange(400) == 3, 0.0, 2.5))
    events = [Codec(UserBehaviour).decode(event) for event in year.events(2, 4)]
    assert [event.price for event in events] == [2.5, None]
    assert [event.country for event in events] == [None, None]


def test_too_few_households_with_a_history_are_an_error() -> None:
    with pytest.raises(ValueError, match="0 test households have 120 lines"):
        take_over(make_year(1), HOUSEHOLDS, EVERY)
