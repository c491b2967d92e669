"""When a window cannot be answered: halve it until the record that cannot is alone, and set that one aside."""

import logging

from schemas.errors import DecodeError
from streams.batcher.window import Window
from streams.errors import StreamError
from streams.logic.answer import Answer, Logic, ReadRows

log = logging.getLogger(__name__)
MANY = 32  # records that all fail, before the model is to blame and not they


def answer_or_set_aside(logic: Logic, window: Window, read: ReadRows, now_ms: int) -> Answer:
    """The logic's answer; a record that makes it fail becomes a dead letter and the others are answered.

    Errors: StreamError and MemoryError pass through (they are about us, not about a record), and so does the model's
    own error if it can answer nothing of many records: then it is the model that is broken. Of a few it cannot be told,
    and a worker that stopped would meet them again at each restart; `letters.max_per_minute` bounds what that costs.
    """
    try:
        return logic.answer(window, read)
    except (StreamError, MemoryError):
        raise
    except Exception as error:
        if window.size > 1:
            log.warning("%s: a window of %d failed (%r); looking for the record", logic.name, window.size, error)
            answer = _halve(logic, window, read, now_ms)
            if answer.reasons["inference_failed"] >= MANY and answer.results["dead_letter"] == window.size:
                raise
            return answer
        return _alone(window, error, now_ms)


def reading_through(answer: Answer, read: ReadRows) -> ReadRows:
    """Reads the rows that the answer has decided by then, and below them the stored ones."""

    def read_through(partition: int, keys: list[bytes], /) -> list[bytes | None]:
        decided: dict[bytes, bytes | None] = {}
        for tp, part in answer.partitions.items():
            if tp.partition == partition:
                decided.update(part.rows)
        stored = read(partition, keys)
        return [decided.get(key, row) for key, row in zip(keys, stored, strict=True)]

    return read_through


def _halve(logic: Logic, window: Window, read: ReadRows, now_ms: int) -> Answer:
    answer = Answer()
    read_through = reading_through(answer, read)  # the second half must see the rows that the first half decided
    for half in window.halves():
        try:
            answer.merge(logic.answer(half, read_through))
        except (StreamError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  # a model may raise anything; the record becomes a dead letter
            answer.merge(_halve(logic, half, read_through, now_ms) if half.size > 1 else _alone(half, error, now_ms))
    return answer


def _alone(window: Window, error: Exception, now_ms: int) -> Answer:
    answer = Answer()
    for tp, records in window.records.items():
        for record in records:
            answer.set_aside(tp, record, DecodeError("inference_failed", f"{type(error).__name__}: {error}"), now_ms)
    return answer
