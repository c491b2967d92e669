"""Records that were with the model when a worker died: how often each was, as ranges of offsets."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct


class Suspect(Struct, array_like=True, frozen=True):
    """The offsets `first` to `last` of a partition were with the model in so many deaths of the worker, all of them.

    `mark` tells one record that was there alone from others that may come to lie at its offset; 0: it was not alone.
    """

    partition: int
    first: int
    last: int
    deaths: int
    mark: int = 0


class Noted(Struct, array_like=True, frozen=True):
    """Offsets of a partition that are with the model."""

    partition: int
    first: int
    last: int


def after_a_death(suspects: Iterable[Suspect], noted: Sequence[Noted], mark: int) -> list[Suspect]:
    """The suspects with one more death for what was noted, by partition and offset.

    `mark` is that of the one record, if it was alone.
    """
    before = list(suspects)
    partitions = sorted({one.partition for one in before} | {one.partition for one in noted})
    return [
        found
        for number in partitions
        for found in _of_partition(
            number,
            [one for one in before if one.partition == number],
            [one for one in noted if one.partition == number],
            mark,
        )
    ]


def beyond(suspects: Iterable[Suspect], partition: int, offset: int, *, keep: int) -> list[Suspect]:
    """The suspects less those of the partition up to and with this offset; but those of `keep` deaths or more stay."""
    left: list[Suspect] = []
    for one in suspects:
        if one.partition != partition or one.deaths >= keep or one.first > offset:
            left.append(one)
        elif one.last > offset:
            left.append(Suspect(partition, offset + 1, one.last, one.deaths))
    return left


def _of_partition(partition: int, suspects: Sequence[Suspect], noted: Sequence[Noted], mark: int) -> Iterable[Suspect]:
    ranges = [(one.first, one.last + 1) for one in suspects] + [(one.first, one.last + 1) for one in noted]
    cuts = sorted({edge for both in ranges for edge in both})
    open_range: Suspect | None = None
    for first, end in pairwise(cuts):
        known = next((one for one in suspects if one.first <= first <= one.last), None)
        here = any(one.first <= first <= one.last for one in noted)
        if here and known and known.mark not in (0, mark):
            known = None  # it was another record that had this offset
        deaths = (known.deaths if known else 0) + here
        if not deaths:
            continue
        its_mark = mark if here else known.mark if known else 0
        if its_mark == 0 and open_range and open_range.deaths == deaths and open_range.last + 1 == first:
            open_range = Suspect(partition, open_range.first, end - 1, deaths)
            continue
        if open_range:
            yield open_range
        open_range = None if its_mark else Suspect(partition, first, end - 1, deaths)
        if its_mark:
            yield Suspect(partition, first, end - 1, deaths, its_mark)
    if open_range:
        yield open_range
