"""The reference job's logic against the model stepped one event at a time, and its answers against msgspec's."""

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reference_events import TOP, Answer, Event
from benchmarks.reference_logic import ReferenceLogic, encode
from benchmarks.reference_model import check, save_weights
from streams.batcher.window import Window
from tests.unit.streams.making import Rows, record

TARGET = "answers"


@given(
    offsets=st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=5),
    number=st.integers(0, 63),
    confidence=st.floats(0, 1, width=32),
)
def test_answers_in_bulk_are_what_msgspec_writes(offsets: list[int], number: int, confidence: float) -> None:
    classes = np.full((len(offsets), TOP), number)
    confidences = np.full((len(offsets), TOP), confidence, np.float32)
    found = [msgspec.msgpack.decode(value, type=Answer) for value in encode(np.array(offsets), classes, confidences)]
    assert found == [Answer(offset, [number] * TOP, [confidence] * TOP) for offset in offsets]


def test_windows_of_any_size_answer_as_one_event_at_a_time_and_bad_records_are_set_aside(tmp_path: Path) -> None:
    save_weights(tmp_path / "weights.npz")
    logic, rows = ReferenceLogic(tmp_path / "weights.npz", TARGET, lambda: 0), Rows()
    random, place = np.random.default_rng(5), TP("events", 1)
    sequences: dict[str, list[int]] = {}
    answers: dict[str, list[Answer]] = {}
    offset = 0
    for size in (1, 2, 7, 1, 40):
        window = Window()
        for _ in range(size):
            user, token = f"user-{random.integers(4)}", int(random.integers(5_000))
            sequences.setdefault(user, []).append(token)
            value = msgspec.msgpack.encode(Event(user, token))
            window.add(place, [record(place, offset, user.encode(), value), record(place, offset + 1, b"x", b"\xc1")])
            offset += 2
        answer = logic.answer(window, rows.read)
        assert answer.results == Counter(predicted=size, dead_letter=size, redelivered=0)
        part = answer.partitions[place]
        rows.write(place.partition, part.rows)
        for key, written in zip(part.outputs[TARGET].keys, part.outputs[TARGET].values, strict=True):
            answers.setdefault((key or b"").decode(), []).append(msgspec.msgpack.decode(written or b"", type=Answer))
    checked = check(sequences, answers)
    assert (checked.answers, checked.wrong) == (51, 0)
    again = logic.answer(window, rows.read)
    assert again.results == Counter(redelivered=40, dead_letter=40)
