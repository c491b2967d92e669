"""The memory of a row, event by event: habits in their places, products and attributes in few places."""

from __future__ import annotations

import numpy as np

from models.behaviour.habits import FADE, VALUE, touch
from models.behaviour.lists import Lists, buy, fading, like, walk_products
from models.behaviour.row import LIKED, NO_HABIT, NO_PRODUCT
from models.behaviour.schedule import schedule

PLACES = 4
ONE = np.float32(1)


class Habits:
    """The habits of one user."""

    def __init__(self) -> None:
        self.cells = np.array([NO_HABIT] * PLACES + [0] * 2 * PLACES, np.uint16)

    def touch(self, category: int, hour: int, gain: float = 1.0, purchase: bool = True) -> None:
        touch(self.cells.data, PLACES, category, hour, np.float32(gain), purchase)

    def held(self) -> dict[int, tuple[int, float]]:
        """Hour and weight of each category, in the order of the places."""
        ids, hours, bits = self.cells.reshape(3, PLACES)
        known = ids != NO_HABIT
        assert (bits[~known] == 0).all()
        assert (hours[~known] == 0).all()
        return {
            int(i): (int(hour), float(VALUE[weight]))
            for i, hour, weight in zip(ids[known], hours[known], bits[known], strict=True)
        }


def test_habits_stand_by_rising_number() -> None:
    habits = Habits()
    for hour, category in enumerate([7, 3, 9, 5]):
        habits.touch(category, hour)
    assert habits.held() == {3: (1, 1.0), 5: (3, 1.0), 7: (0, 1.0), 9: (2, 1.0)}
    assert list(habits.held()) == [3, 5, 7, 9]


def test_a_purchase_fades_what_was_there_and_is_of_its_own_hour() -> None:
    habits = Habits()
    habits.touch(3, 10)
    habits.touch(3, 110)
    hour, weight = habits.held()[3]
    assert hour == 110
    assert weight == np.float16(FADE[100] + ONE)


def test_other_events_leave_the_hour_and_what_falls_to_nothing_makes_room() -> None:
    habits = Habits()
    habits.touch(3, 10)
    habits.touch(3, 20, 0.5, purchase=False)
    assert habits.held()[3] == (10, 1.5)
    habits.touch(2, 30)
    habits.touch(3, 40, -2.0, purchase=False)
    assert habits.held() == {2: (30, 1.0)}
    habits.touch(8, 50, -0.5, purchase=False)
    assert list(habits.held()) == [2]


def test_the_habit_that_has_faded_most_makes_room_wherever_it_stands() -> None:
    for oldest in (10, 20, 30, 40):
        habits = Habits()
        for category in (10, 20, 30, 40):
            habits.touch(category, 5 if category == oldest else 100)
        habits.touch(25, 200)
        assert list(habits.held()) == sorted({10, 20, 25, 30, 40} - {oldest})
        assert habits.held()[25] == (200, 1.0)


def test_a_product_is_not_found_in_the_halves_of_two_others() -> None:
    raw = bytearray(np.array([0x2211, 0x4433, NO_PRODUCT], "<u2").tobytes())  # 11 22 33 44 ff ff
    weights = np.array([2, 1, 0], np.float16).view(np.uint16)
    buy(raw, 0, weights, 0x3322, fading(1.0))
    assert np.frombuffer(raw, "<u2").tolist() == [0x2211, 0x4433, 0x3322]
    buy(raw, 0, weights, 0x4433, fading(1.0))
    np.testing.assert_allclose(weights.view(np.float16), [2, 2, 1])


def test_products_are_counted_per_user_in_the_order_of_the_steps() -> None:
    slots, product = np.array([1, 0, 1, 1, 0]), np.array([5, 6, 7, 5, -1], np.int32)
    steps = schedule(slots)
    lists = Lists(
        np.full((2, 3), -1, np.int32),
        np.zeros((2, 3), np.float32),
        np.zeros((2, 1), np.uint32),
        np.zeros((2, 1), np.float32),
    )
    products, weights = walk_products(lists, steps, product, 0.5)
    at = steps.place()
    assert [dict(zip(products[i].tolist(), weights[i].tolist(), strict=True)) for i in at] == [
        {5: 1.0, -1: 0.0}, {6: 1.0, -1: 0.0}, {5: 0.5, 7: 1.0, -1: 0.0}, {5: 1.25, 7: 0.5, -1: 0.0}, {6: 1.0, -1: 0.0},
    ]  # fmt: skip


def test_a_new_attribute_takes_the_place_and_the_weight_of_the_lightest() -> None:
    raw = bytearray(8 * LIKED)
    keys, weights = np.frombuffer(raw, "<u4", LIKED), np.frombuffer(raw, "<f4", LIKED, 4 * LIKED)
    like(raw, 0, [11, 0, 22], 1.0)
    like(raw, 0, [], 1.0)
    like(raw, 0, [33], 0.0)
    assert keys.tolist()[:3] == [11, 22, 0]
    for key in range(100, 100 + LIKED - 2):
        like(raw, 0, [11, 22, key], 1.0)
    lightest = float(weights.min())
    like(raw, 0, [77], 0.5)
    assert 77 in keys
    np.testing.assert_allclose(weights[keys == 77], lightest * 0.98 + 0.5, rtol=1e-6)
