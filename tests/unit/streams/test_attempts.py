"""The attempts journal through what uses it: workers that die at a record, and the next that find their note."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest
from aiokafka import ConsumerRecord
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.letters import DeadLetter
from streams.attempts.careful import answer_with_care
from streams.attempts.journal import DEATHS, DEATHS_IN_A_ROW, AttemptsJournal
from streams.attempts.slots import Slots
from streams.errors import StateDamaged, TooManyLetters
from streams.logic.answer import Answer
from tests.unit.streams.counting import Counting
from tests.unit.streams.making import NOW_MS, Rows, record, window_of

A, B = TP("source", 0), TP("source", 1)


class Death(BaseException):
    """Ends the worker so that nothing after it happens: the tests' SIGKILL."""


class Worker:
    """One life of a worker: its journal, a logic that dies at some records, and what it was given, call by call."""

    def __init__(self, path: Path, dies: Callable[[ConsumerRecord], bool], model: str = "model 1") -> None:
        self.journal = AttemptsJournal(path, "agent", "source", model)
        self.journal.open()
        self.calls: list[list[tuple[int, int]]] = []
        self._dies = dies
        self._logic = Counting(lambda one: False)

    def answer(self, records: Iterable[ConsumerRecord], rows: Rows | None = None) -> Answer:
        """As the pipeline. Errors: Death, and then the journal is as a death leaves it."""
        end, dead = self.journal.end, False

        def end_unless_dead() -> None:
            if not dead:
                end()

        def answer(window, read):  # type: ignore[no-untyped-def]
            nonlocal dead
            self.calls.append([(tp.partition, one.offset) for tp, found in window.records.items() for one in found])
            if any(self._dies(one) for found in window.records.values() for one in found):
                dead = True
                raise Death
            return Counting.answer(self._logic, window, read)

        self._logic.answer = answer  # type: ignore[method-assign]
        self.journal.end = end_unless_dead  # type: ignore[method-assign]
        return answer_with_care(self._logic, window_of(records), (rows or Rows()).read, NOW_MS, self.journal)


def users(tp: TP, count: int, start: int = 0) -> list[ConsumerRecord]:
    """Records of two users in turn."""
    return [record(tp, offset, b"u%d" % (offset % 2), b"v") for offset in range(start, start + count)]


def at(*places: tuple[TP, int]) -> Callable[[ConsumerRecord], bool]:
    """Whether a record lies at one of these places."""
    return lambda one: (TP(one.topic, one.partition), one.offset) in places


def live(path: Path, dies: Callable[[ConsumerRecord], bool], records: list[ConsumerRecord]) -> tuple[Answer, int]:
    """Restart until the records are answered: the answer, and how many deaths it took."""
    for deaths in range(100):
        try:
            return Worker(path, dies).answer(records), deaths
        except Death:
            pass
    raise AssertionError("it dies for ever")


def letters(answer: Answer, tp: TP) -> list[DeadLetter]:
    """Dead letters of a partition."""
    return [msgspec.msgpack.decode(value or b"", type=DeadLetter) for value in answer.letters[tp].values]


def test_a_record_that_kills_three_times_running_is_set_aside_and_the_others_answered(tmp_path: Path) -> None:
    records = [*users(A, 50), *users(B, 50)]
    answer, deaths = live(tmp_path / "j", at((A, 17)), records)
    assert deaths == DEATHS
    (letter,) = letters(answer, A)
    assert (letter.source.offset, letter.reason, letter.attempts) == (17, "crashed_worker", DEATHS)
    rest = [one for one in records if not at((A, 17))(one)]
    plain = Counting(lambda one: False).answer(window_of(rest), Rows().read)
    assert answer.partitions == plain.partitions
    assert answer.results == {"predicted": 99, "dead_letter": 1}


@settings(max_examples=25)
@given(places=st.sets(st.tuples(st.sampled_from([A, B]), st.integers(0, 39)), max_size=4))
def test_any_few_killers_are_named_and_each_is_tried_three_times_at_most(
    tmp_path_factory: pytest.TempPathFactory, places: set[tuple[TP, int]]
) -> None:
    records = [*users(A, 40), *users(B, 40)]
    tried = dict.fromkeys(places, 0)

    def dies(one: ConsumerRecord) -> bool:
        place = (TP(one.topic, one.partition), one.offset)
        if place in tried:
            tried[place] += 1
        return place in tried

    answer, _ = live(tmp_path_factory.mktemp("j") / "j", dies, records)
    found = {(tp, letter.source.offset) for tp in (A, B) for letter in letters(answer, tp)}
    assert found == places
    assert all(count <= DEATHS for count in tried.values())
    rest = [one for one in records if (TP(one.topic, one.partition), one.offset) not in places]
    expected = Counting(lambda one: False).answer(window_of(rest), Rows().read)
    for tp in (A, B):
        assert answer.partitions[tp] == expected.partitions[tp]


def test_without_a_death_windows_go_whole(tmp_path: Path) -> None:
    worker = Worker(tmp_path / "j", at())
    worker.answer(users(A, 100))
    worker.answer(users(A, 100, 100))
    again = Worker(tmp_path / "j", at())
    again.answer(users(A, 100, 200))
    assert [len(call) for call in worker.calls + again.calls] == [100, 100, 100]


def test_after_one_death_what_was_at_work_goes_in_groups_and_the_rest_whole(tmp_path: Path) -> None:
    with pytest.raises(Death):
        Worker(tmp_path / "j", at((A, 150))).answer(users(A, 100, 100))
    worker = Worker(tmp_path / "j", at())
    worker.answer([*users(A, 300), *users(B, 200)])
    assert sorted(len(call) for call in worker.calls) == sorted([*[11] * 9, 1, 100, 100, 200])
    assert not worker.journal.suspects
    worker.answer(users(A, 50, 300))
    assert len(worker.calls[-1]) == 50


def test_a_kill_from_outside_costs_few_calls(tmp_path: Path) -> None:
    with pytest.raises(Death):
        Worker(tmp_path / "j", at((A, 4_000))).answer(users(A, 4_096))
    worker = Worker(tmp_path / "j", at())
    worker.answer(users(A, 4_096))
    assert len(worker.calls) <= 65


def test_a_record_that_succeeds_in_between_begins_to_count_anew(tmp_path: Path) -> None:
    path, one = tmp_path / "j", users(A, 1)
    for _ in range(3):
        for _ in range(2):
            with pytest.raises(Death):
                Worker(path, at((A, 0))).answer(one)
        assert Worker(path, at()).answer(one).results == {"predicted": 1}
    assert live(path, at((A, 0)), one)[1] == DEATHS


def test_what_is_set_aside_is_not_tried_again_when_it_comes_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    live(path, at((A, 3)), users(A, 6))
    with pytest.raises(Death):  # its letter was made; before the offset was committed the worker dies at another record
        Worker(path, at((A, 8))).answer(users(A, 9))
    worker = Worker(path, at((A, 3)))
    assert len(letters(worker.answer(users(A, 9)), A)) == 1
    assert not any((0, 3) in call for call in worker.calls)


def test_what_a_partition_is_past_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "j"
    live(path, at((A, 3)), users(A, 6))
    worker = Worker(path, at())
    assert worker.journal.suspects
    worker.answer(users(A, 6, 6))
    assert not worker.journal.suspects


def test_another_record_at_the_same_offset_is_no_suspect(tmp_path: Path) -> None:
    path = tmp_path / "j"
    live(path, at((A, 3)), users(A, 6))
    other = [record(A, 3, b"u", b"of a topic that was made anew")]
    assert Worker(path, at()).answer(other).results == {"predicted": 1}


def test_another_model_tries_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    live(path, at((A, 3)), users(A, 6))
    assert Worker(path, at(), "model 2").answer(users(A, 6)).results == {"predicted": 6}


def test_memory_that_ran_out_counts_as_a_death_and_other_errors_do_not(tmp_path: Path) -> None:
    for error, suspects in ((MemoryError, True), (StateDamaged, False)):
        journal = AttemptsJournal(tmp_path / error.__name__, "agent", "source", "model 1")
        journal.open()
        with pytest.raises(error):
            answer_with_care(Counting(lambda one: True, error), window_of(users(A, 5)), Rows().read, NOW_MS, journal)
        after = Worker(tmp_path / error.__name__, at())
        assert after.journal.suspects is suspects


def test_a_worker_that_dies_at_everything_stops_before_it_has_set_everything_aside(tmp_path: Path) -> None:
    path, records = tmp_path / "j", users(A, 100)
    with pytest.raises(TooManyLetters, match=r"answered none in between.*remove"):
        live(path, lambda one: True, records)
    with pytest.raises(TooManyLetters):
        Worker(path, at())
    mended = Worker(path, at(), "model 2")
    assert mended.answer(records).results == {"predicted": 100}


def test_neighbours_that_kill_are_all_set_aside_where_others_are_answered(tmp_path: Path) -> None:
    bad = [(A, offset) for offset in range(20, 20 + DEATHS_IN_A_ROW)]
    answer, _ = live(tmp_path / "j", at(*bad), users(A, 100))
    assert [letter.source.offset for letter in letters(answer, A)] == [offset for _, offset in bad]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xc1", "cannot be read"),
        (msgspec.msgpack.encode(["another", "model 1", 0, [], [[0, 1, 2]], 0]), "is about another, not source"),
    ],
)
def test_a_journal_that_is_not_ours_is_ignored_with_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes, said: str
) -> None:
    slots = Slots(tmp_path / "j")
    slots.write(content)
    slots.close()
    assert not Worker(tmp_path / "j", at()).journal.suspects
    (line,) = caplog.messages
    assert said in line


def test_a_damaged_file_is_ignored_with_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "j").write_bytes(b"damaged")
    assert not Worker(tmp_path / "j", at()).journal.suspects
    (line,) = caplog.messages
    assert "is damaged or no journal" in line


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateDamaged, match="cannot be written"):
        Worker(tmp_path / "file" / "j", at())


def test_the_log_names_the_records_and_the_verdict(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    live(tmp_path / "j", at((A, 3)), users(A, 6))
    assert "died while the model had source[0]@0-5" in caplog.text
    assert "source[0]@3 was with the model in 3 deaths of the worker running; it becomes a dead letter" in caplog.text


def test_a_note_of_thousands_of_partitions_fits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    records = [record(TP("source", number), 2**40 + number, b"u", b"v") for number in range(4_096)]
    with pytest.raises(Death):
        Worker(tmp_path / "j", lambda one: True).answer(records)
    Worker(tmp_path / "j", at())
    assert "is full" not in caplog.text
    assert "and 4091 more partitions" in caplog.text


def test_an_overfull_journal_is_told_once_and_answers_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker(tmp_path / "j", at())
    for _ in range(2):
        records = [record(TP("source", number), 2**60, b"u", b"v") for number in range(20_000)]
        assert worker.answer(records).results == {"predicted": 20_000}
    assert caplog.text.count("is full") == 1
