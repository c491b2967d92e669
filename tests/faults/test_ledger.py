"""The ledger itself: it must see what it is there to see. No broker: the topics are lists here."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from schemas.codec import encode
from schemas.events import UserBehaviour
from schemas.topics import USER_BEHAVIOUR, USER_PREDICTIONS, USER_STATE
from tests.faults.ledger import Findings, check
from tests.faults.replay import Replay
from tests.integration.worker_process import Record
from tests.unit.streams.making_models import CATEGORIES, PRODUCTS, stored_small_behaviour

pytestmark = pytest.mark.faults

MODEL = stored_small_behaviour()
MODELS = {MODEL.info.version: MODEL}
EVENTS = [
    UserBehaviour(
        event_id=f"e-{i}",
        user_id=f"user-{i % 3}",
        type="purchase",
        category=CATEGORIES[i % 5],
        product_id=PRODUCTS[i],
        session_id=f"basket-{i // 6}",
        occurred_at=1_700_000_000_000 + i * 3_600_000,
    )
    for i in range(30)
]
LAST = len(EVENTS) - 1


@dataclass
class Topics:
    """A place whose topics are lists."""

    lists: dict[str, list[Record]] = field(default_factory=dict)

    def topic(self, name: str) -> str:
        return name

    def read(self, name: str) -> list[Record]:
        return self.lists[name]

    @property
    def answers(self) -> list[Record]:
        return self.lists[USER_PREDICTIONS.name]

    @property
    def rows(self) -> list[Record]:
        return self.lists[USER_STATE.name]


def worked(counted: list[int]) -> Topics:
    """What a worker leaves that answers every event once, and whose state counts these."""
    replay = Replay(MODELS)
    topics = Topics({name.name: [] for name in (USER_BEHAVIOUR, USER_PREDICTIONS, USER_STATE)})
    for offset, event in enumerate(EVENTS):
        topics.lists[USER_BEHAVIOUR.name].append(Record(0, event.user_id.encode(), encode(event), offset))
    for offset in counted:
        event = EVENTS[offset]
        answer = replay.step(event, USER_BEHAVIOUR.name, 0, offset, MODEL.info.version)
        key = event.user_id.encode()
        if not topics.answers or offset > topics.answers[-1].offset:
            topics.answers.append(Record(0, key, encode(answer), offset))
        topics.rows.append(Record(0, key, replay.rows[event.user_id].tobytes(), offset))
    return topics


def found(topics: Topics) -> Findings:
    return check(topics, EVENTS, MODELS)  # type: ignore[arg-type]


def counts(findings: Findings) -> tuple[int, int, int]:
    return findings.lost, findings.repeats, findings.unlike


ALL = list(range(len(EVENTS)))


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert found(worked(ALL)) == Findings(len(EVENTS))


def test_a_lost_answer_is_found() -> None:
    topics = worked(ALL)
    del topics.answers[7]
    findings = found(topics)
    assert (*counts(findings), findings.wrong) == (1, 0, 0, 0)


def test_a_repeat_is_counted_and_one_that_says_another_thing_is_found() -> None:
    topics = worked(ALL)
    topics.answers.append(topics.answers[3])
    assert (*counts(found(topics)), found(topics).wrong) == (0, 1, 0, 0)
    other = msgspec.msgpack.decode(topics.answers[4].value or b"")
    other["purchase_probability"] += 0.01
    topics.answers.insert(0, Record(0, b"", msgspec.msgpack.encode(other), 0))
    findings = found(topics)
    assert counts(findings) == (0, 2, 1)


@pytest.mark.parametrize(
    "counted", [[*ALL[:12], 11, *ALL[12:]], [i for i in ALL if i != 12]], ids=["counted twice", "not counted"]
)
def test_state_that_counts_an_event_twice_or_never_is_found(counted: list[int]) -> None:
    findings = found(worked(counted))
    assert findings.wrong > 3  # every later prediction of the user, and the row


@pytest.mark.parametrize(
    "damage",
    [
        lambda topics: topics.rows.append(topics.rows[LAST - 3]),
        lambda topics: topics.rows.append(Record(0, topics.rows[LAST].key, b"short", LAST)),
        lambda topics: topics.lists.update({USER_STATE.name: topics.rows[:-1]}),
    ],
    ids=["older row on top", "another layout", "newest row missing"],
)
def test_a_final_row_that_is_not_the_newest_is_found(damage: Callable[[Topics], None]) -> None:
    topics = worked(ALL)
    damage(topics)
    assert found(topics).wrong == 1


def test_answers_out_of_order_and_to_nothing_are_found() -> None:
    topics = worked(ALL)
    topics.answers[5], topics.answers[9] = topics.answers[9], topics.answers[5]
    assert found(topics).wrong == 2
    topics = worked(ALL)
    strange = msgspec.msgpack.decode(topics.answers[4].value or b"")
    topics.answers.append(Record(0, b"", msgspec.msgpack.encode(strange | {"prediction_id": "x-0-99"}), 99))
    assert found(topics).wrong >= 1


def test_an_input_topic_that_lacks_what_was_sent_is_no_finding_but_an_error() -> None:
    topics = worked(ALL)
    del topics.lists[USER_BEHAVIOUR.name][2]
    with pytest.raises(AssertionError, match="29 events, 30 were sent"):
        found(topics)
