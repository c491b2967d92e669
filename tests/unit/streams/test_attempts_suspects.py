"""Suspects as ranges of offsets equal a plain count of deaths for each record."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streams.attempts.suspects import Noted, Suspect, after_a_death, beyond

OFFSETS = 30
ALL = 10**9


@st.composite
def notes(draw: st.DrawFn) -> list[Noted]:
    """One range in some of three partitions."""
    partitions = draw(st.lists(st.integers(0, 2), unique=True, min_size=1))
    ends = [sorted(draw(st.tuples(st.integers(0, OFFSETS), st.integers(0, OFFSETS)))) for _ in partitions]
    return [Noted(number, first, last) for number, (first, last) in zip(partitions, ends, strict=True)]


def counted(suspects: list[Suspect]) -> Counter[tuple[int, int]]:
    """Deaths of each record; each is in one range only."""
    found: Counter[tuple[int, int]] = Counter()
    for one in suspects:
        assert one.first <= one.last
        for offset in range(one.first, one.last + 1):
            assert (one.partition, offset) not in found
            found[one.partition, offset] = one.deaths
    return found


@given(deaths=st.lists(notes(), max_size=6))
def test_each_record_counts_the_deaths_that_it_was_noted_in(deaths: list[list[Noted]]) -> None:
    suspects: list[Suspect] = []
    plain: Counter[tuple[int, int]] = Counter()
    for noted in deaths:
        suspects = after_a_death(suspects, noted, 0)
        plain.update((one.partition, offset) for one in noted for offset in range(one.first, one.last + 1))
        assert counted(suspects) == plain


@given(deaths=st.lists(notes(), max_size=4), partition=st.integers(0, 2), offset=st.integers(-1, OFFSETS + 1))
def test_beyond_forgets_a_partition_up_to_an_offset(deaths: list[list[Noted]], partition: int, offset: int) -> None:
    suspects: list[Suspect] = []
    for noted in deaths:
        suspects = after_a_death(suspects, noted, 0)
    left = {place: n for place, n in counted(suspects).items() if place[0] != partition or place[1] > offset}
    assert counted(beyond(suspects, partition, offset, keep=ALL)) == left


def test_beyond_keeps_what_is_to_be_set_aside() -> None:
    suspects = [Suspect(0, 1, 4, 1), Suspect(0, 5, 5, 3, mark=9), Suspect(0, 6, 8, 2)]
    assert beyond(suspects, 0, 6, keep=3) == [Suspect(0, 5, 5, 3, mark=9), Suspect(0, 7, 8, 2)]


def test_neighbours_of_equal_deaths_are_one_range() -> None:
    assert after_a_death([Suspect(0, 1, 4, 1)], [Noted(0, 5, 9)], 0) == [Suspect(0, 1, 9, 1)]


def test_a_record_that_died_alone_keeps_its_mark() -> None:
    assert after_a_death([Suspect(0, 1, 4, 2)], [Noted(0, 2, 2)], 77) == [
        Suspect(0, 1, 1, 2), Suspect(0, 2, 2, 3, mark=77), Suspect(0, 3, 4, 2),
    ]  # fmt: skip


def test_another_record_at_the_same_offset_begins_at_one() -> None:
    assert after_a_death([Suspect(0, 2, 2, 2, mark=77)], [Noted(0, 2, 2)], 88) == [Suspect(0, 2, 2, 1, mark=88)]
