"""Events of a file by user: read as the stream reads them, from JSON lines or CSV; what is wrong is named."""

from __future__ import annotations

from streams.offline.histories import csv_lines, read_histories

LINES = b"""{"event_id": "a", "user_id": "u", "type": "view", "occurred_at": 5, "category": "TEA"}
{"user_id": 7, "type": "purchase", "occurred_at": "2026-11-02T17:30:00Z", "product_id": 12}

{"user_id": "u", "type": "steal", "occurred_at": 6}
not json
{"user_id": "u", "type": "purchase", "occurred_at": 7}
"""
CSV = b"""\xef\xbb\xbfuser_id,type,occurred_at,category,price,note
u,purchase,1000,"TEA, GREEN",2.5,x
u,view,2026-11-02T17:30:00Z,,,
7,purchase,3000,MILK,1,
u,purchase,soon,TEA,,
"""


def test_each_users_events_stand_in_order_and_wrong_lines_are_named() -> None:
    found = read_histories(LINES.splitlines(keepends=True), lambda: 0)
    assert {user: [event.type for event in events] for user, events in found.users.items()} == {
        "u": ["view", "purchase"],
        "7": ["purchase"],
    }
    assert found.users["7"][0].product_id == "12"
    assert [problem.split(":")[0] for problem in found.problems] == ["line 3", "line 4"]


def test_a_table_gives_the_same_events_and_empty_cells_are_fields_not_given() -> None:
    found = read_histories(csv_lines(CSV.splitlines(keepends=True)), lambda: 0)
    first, second = found.users["u"]
    assert (first.category, first.price, first.occurred_at) == ("TEA, GREEN", 2.5, 1000)
    assert (second.category, second.price, second.type) == (None, None, "view")
    assert found.users["7"][0].user_id == "7"
    (problem,) = found.problems
    assert problem.startswith("line 4: invalid")


def test_an_empty_file_has_no_users() -> None:
    assert read_histories([], lambda: 0).users == {}
    assert read_histories(csv_lines([]), lambda: 0).users == {}
