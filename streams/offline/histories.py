"""Events of a file by user, each user's in the order of the file, read as the stream reads them."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter

import msgspec
from faust.types import TP

from schemas.events import UserBehaviour
from schemas.topics import USER_BEHAVIOUR
from streams.batcher.window import Window
from streams.clock import Clock
from streams.logic.answer import Answer
from streams.logic.decode import WindowDecoder
from streams.offline.lines import records, refusals
from streams.offline.users import complete_event

NUMBERS = ("schema", "occurred_at", "price", "quantity")


@dataclass(slots=True)
class Histories:
    """Events by user id, and a text for each line that is no event."""

    users: dict[str, list[UserBehaviour]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_histories(lines: Iterable[bytes], clock: Clock) -> Histories:
    """JSON lines -> histories. `event_id` may be missing: the line's number, from 0, stands in."""
    window, answer = Window(), Answer()
    window.add(TP(USER_BEHAVIOUR.name, 0), list(records(lines, USER_BEHAVIOUR.name, "user_id", complete_event)))
    found = Histories()
    for item in WindowDecoder(UserBehaviour, attrgetter("user_id"), clock).decode(window, answer):
        if item.event is not None:
            found.users.setdefault(item.event.user_id, []).append(item.event)
    for number, told in sorted(refusals(answer).items()):
        found.problems.append(f"line {number + 1}: {told['reason']}: {told['error']}")
    return found


def csv_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """CSV with a header that names fields of an event -> the same as JSON lines. An empty cell is a field not given."""
    for row in csv.DictReader(
        line.decode("utf-8-sig" if first else "utf-8", "replace") for first, line in _first(lines)
    ):
        fields = {name: value for name, value in row.items() if isinstance(name, str) and value not in ("", None)}
        yield msgspec.json.encode(
            {name: _number(value) if name in NUMBERS else value for name, value in fields.items()}
        )


def _first(lines: Iterable[bytes]) -> Iterator[tuple[bool, bytes]]:
    for number, line in enumerate(lines):
        yield number == 0, line


def _number(text: str) -> int | float | str:
    """The number a cell holds; other text, such as an RFC 3339 time, stays."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
