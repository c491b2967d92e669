"""What was sent against what came out: nothing lost, nothing counted twice, nothing answered differently."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from schemas.codec import Codec
from schemas.events import UserBehaviour
from schemas.predictions import UserPrediction, prediction_id
from schemas.topics import USER_BEHAVIOUR, USER_PREDICTIONS, USER_STATE
from tests.faults.replay import Models, Replay
from tests.integration.worker_process import Place
from tests.unit.streams.alike import assert_same_prediction

NOTES = 5  # of each kind: enough to see a pattern
_prediction = msgspec.msgpack.Decoder(UserPrediction).decode
_event = Codec(UserBehaviour).decode


@dataclass
class Findings:
    """Counts of what is not as it should be, and the first few of each kind in words."""

    events: int
    lost: int = 0  # events without a prediction
    repeats: int = 0  # predictions that came once more
    unlike: int = 0  # repeats whose content differs from the first
    wrong: int = 0  # predictions and final rows that differ from those of the plain model, or come out of order
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep it, if there are not too many."""
        if len(self.notes) < 4 * NOTES:
            self.notes.append(text)


def check(place: Place, sent: Sequence[UserBehaviour], models: Models) -> Findings:
    """Replay the ledger through the plain model and compare it with the topics of the place.

    Committed records are read, as a consumer does that wants what exactly-once promises. Where a record was answered
    more than once, its last answer is the one whose state is durable. Errors: AssertionError when the input topic does
    not hold what was sent, which is no fault of a worker's.
    """
    topic = place.topic(USER_BEHAVIOUR.name)
    lying = place.read(USER_BEHAVIOUR.name)
    events = {(record.partition, record.offset): _event(record.value or b"") for record in lying}
    assert sorted(event.event_id for event in events.values()) == sorted(event.event_id for event in sent), (
        f"the cluster holds {len(events)} events, {len(sent)} were sent"
    )
    answers: defaultdict[str, list[bytes]] = defaultdict(list)
    first: defaultdict[int, list[int]] = defaultdict(list)
    for record in place.read(USER_PREDICTIONS.name):
        prediction = _prediction(record.value or b"")
        source = prediction.source
        if prediction.prediction_id not in answers:
            first[source.partition].append(source.offset)
        answers[prediction.prediction_id].append(record.value or b"")
    findings = Findings(len(events))
    _compare(findings, topic, events, answers, replay := Replay(models))
    for partition, offsets in first.items():
        late = sum(later < earlier for earlier, later in pairwise(offsets))
        if late:
            findings.wrong += late
            findings.note(f"partition {partition}: {late} first answers came before those of earlier events")
    last: dict[str, bytes] = {}
    for record in place.read(USER_STATE.name):
        last[(record.key or b"").decode()] = record.value or b""
    for user in replay.rows:
        difference = replay.difference(user, last.get(user, b""))
        if difference:
            findings.wrong += 1
            findings.note(f"row of {user}: {difference}")
    return findings


def _compare(
    findings: Findings,
    topic: str,
    events: dict[tuple[int, int], UserBehaviour],
    answers: dict[str, list[bytes]],
    replay: Replay,
) -> None:
    """Every event in the order of its partition: its answers, each against the one that the plain model gives."""
    version = next(iter(replay.versions))
    for (partition, offset), event in sorted(events.items(), key=lambda item: item[0]):
        name = prediction_id(topic, partition, offset)
        found = [_prediction(value) for value in answers.pop(name, [])]
        if found:
            version = found[-1].model.version
        expected = replay.step(event, topic, partition, offset, version)
        if not found:
            findings.lost += 1
            findings.note(f"lost: {name} ({event.user_id})")
            continue
        findings.repeats += len(found) - 1
        for again in found[:-1]:
            if difference := _difference(again, found[-1]):
                findings.unlike += 1
                findings.note(f"repeat of {name} differs: {difference}")
        if difference := _difference(found[-1], expected):
            findings.wrong += 1
            findings.note(f"wrong: {name} ({event.user_id}): {difference}")
    for name in answers:
        findings.wrong += 1
        findings.note(f"an answer to what was never sent: {name}")


def _difference(mine: UserPrediction, theirs: UserPrediction) -> str:
    try:
        assert_same_prediction(mine, theirs)
    except AssertionError as error:
        return str(error).splitlines()[0][:300]
    return ""
