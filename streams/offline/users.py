"""Predict users of a file of events: one answer per user, or one per event."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from models.predict import BehaviourPredictor
from schemas.predictions import UserPrediction
from schemas.topics import USER_BEHAVIOUR, USER_PREDICTIONS
from streams.clock import Clock
from streams.logic.behaviour import BehaviourLogic
from streams.offline.lines import answers, records, refusals, stringify
from streams.offline.table import MemoryRows

_prediction = msgspec.msgpack.Decoder(UserPrediction).decode


def predict_users(
    model: BehaviourPredictor,
    lines: Iterable[bytes],
    clock: Clock,
    *,
    top: int = 10,
    emit: Literal["last", "every"] = "last",
    max_events: int = 4096,
    features: MemoryRows | None = None,
    attributes: Iterable[tuple[str, str]] = (),
) -> Iterator[dict[str, Any]]:
    """One dictionary per user, in the order of their first events; with emit "every" one per event, in order.

    The events of a user must stand in the order in which they happened. `event_id` may be missing (the line's number
    stands in). A line that cannot be answered gives a dictionary with `error` and `reason`. `features` are those that
    predict_products filled: they name the category of products whose events do not.
    """
    known = features or MemoryRows()
    logic = BehaviourLogic(model, lambda keys: known.read(0, keys), attributes, clock, top=top)
    source = records(lines, USER_BEHAVIOUR.name, "user_id", complete_event)
    users: dict[str, dict[str, Any]] = {}
    for part, answer in answers(logic, source, MemoryRows(), max_events, clock):
        refused = refusals(answer)
        outputs = [value for each in answer.partitions.values() for value in each.outputs[USER_PREDICTIONS.name].values]
        found = {prediction.source.offset: prediction for prediction in map(_prediction, filter(None, outputs))}
        for record in part:
            user = (record.key or b"").decode()
            prediction = found.get(record.offset)
            line = _line(prediction) if prediction else {"user_id": user, **refused.get(record.offset, {})}
            if emit == "every":
                yield line
            elif prediction:
                users[user] = line
            else:
                yield line
    yield from users.values()


def complete_event(fields: dict[str, Any], number: int) -> None:
    """What an event of a file need not have: an id of its own; and ids that are numbers there."""
    fields.setdefault("event_id", str(number))
    stringify(fields, "event_id", "user_id", "session_id", "product_id")


def _line(prediction: UserPrediction) -> dict[str, Any]:
    line: dict[str, Any] = msgspec.to_builtins(prediction)
    for inner in ("schema", "prediction_id", "source"):
        del line[inner]
    return line
