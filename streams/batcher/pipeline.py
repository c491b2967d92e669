"""The pipeline of one agent: runs in, one window at a time through the model, effects carried out behind it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from faust.types import TP
from mode import Service

from schemas.topics import DEAD_LETTERS
from streams.attempts.careful import answer_with_care
from streams.attempts.journal import AttemptsJournal
from streams.batcher.inbox import Inbox
from streams.batcher.model_thread import ModelThread
from streams.batcher.turns import answer_in_turn
from streams.batcher.window import Window
from streams.clock import Clock
from streams.commit.effects import Committing, Effects
from streams.config import BatchSettings
from streams.letters.limit import LetterLimit
from streams.logic.answer import Answer, Logic, ReadRows
from streams.logic.refine import Refinements
from streams.metrics import declared as metrics
from streams.metrics.health import Progress
from streams.state.rows import Rows
from streams.transport.outbox import Outgoing, route
from streams.transport.runs import RecordRun

WINDOWS_AHEAD = 1  # of the model, besides the one at work
SMALL = 64  # events, of a window that is answered at once if that is quick
FLUSH_S = 1.0  # RocksDB is written this often, or when so much waits: a row that changes in between is written once
FLUSH_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Later:
    """What a logic puts off: the work, its own attempts, and how the rows are read that say what waits."""

    work: Refinements
    attempts: AttemptsJournal
    stored: Callable[[], Iterable[tuple[bytes, bytes]]]


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a pipeline is connected to. `topic` turns a declared topic name into the cluster's; `place` says in which
    partition a key is."""

    committer: Committing
    topic: Callable[[str], str]
    rows: Rows
    highwater: Callable[[TP], int]
    room: Callable[[], None]
    model: ModelThread
    disk_thread: Executor
    limit: LetterLimit
    attempts: AttemptsJournal
    clock: Clock
    place: Callable[[bytes | None], int]
    later: Later | None = None


class Pipeline(Service):
    """Answers runs that `offer` brings. Fails as a whole: any error in here stops the app, and a restart goes on."""

    def __init__(self, logic: Logic, batch: BatchSettings, wiring: Wiring, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._logic = logic
        self._wiring = wiring
        self._rows = wiring.rows
        self._committer = wiring.committer
        self._much_waits = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._most_under_way = batch.in_flight * batch.max_events
        self._finished = asyncio.Event()
        self._later = wiring.later
        self._inbox = Inbox(batch.max_events, batch.max_wait_ms, self._other_work)
        self._reached: dict[TP, int] = {}  # source offsets that what was carried out last goes up to
        self._small_s = float("inf")  # what a small window takes
        self._at_work = 0  # windows given to the model and not yet carried out
        self._closed = True
        self._records_under_way = 0
        self.progress = Progress(waiting=lambda: self._inbox.waiting + self._records_under_way)

    @property
    def agent(self) -> str:
        """The agent's name."""
        return self._logic.name

    def has_room(self) -> bool:
        """Whether less than a window waits: else Kafka is read no faster than we answer."""
        return self._inbox.waiting < self._inbox.max_events

    def offer(self, run: RecordRun) -> None:
        """Take a run; a closed pipeline drops it, and Kafka brings it again to whoever owns the partition."""
        if self._closed:
            return
        if not self.progress.waiting():
            self.progress.done()  # a stall is counted from the first record that waits
        self._inbox.put(run.tp, run.records)

    def open(self, begin: Mapping[TP, int]) -> None:
        """Take runs of these partitions from now on, which begin at these offsets.

        Errors: StateDamaged, TooManyLetters (see `AttemptsJournal.open`).
        """
        self._wiring.attempts.open()  # here, because by now RocksDB's lock has kept any other worker out of the folder
        self._reached = {tp: offset - 1 for tp, offset in begin.items()}
        if self._later is not None:
            self._later.attempts.open()
            self._later.work.open(self._later.stored(), begin)
        self._closed = False
        self._inbox.wake()

    def close(self) -> None:
        """Take no more runs, and forget those that no window has begun with."""
        self._closed = True
        self._inbox.clear()  # windows that have begun may still take what waits; `open` reads anew who does

    def is_busy(self) -> bool:
        """Whether a window has begun and is not carried out."""
        return bool(self._at_work or self._under_way)

    async def drain(self, timeout_s: float) -> bool:
        """Wait until every window that has begun is carried out; False if time ran out."""
        until = asyncio.get_running_loop().time() + timeout_s
        while self.is_busy():
            if asyncio.get_running_loop().time() > until:
                left = len(self._under_way)
                self.log.warning("%s: %d windows did not finish within %s s", self._logic.name, left, timeout_s)
                return False
            await asyncio.sleep(0.005)
        return True

    def _repr_info(self) -> str:
        return self.agent

    @Service.task
    async def _run(self) -> None:
        """Windows go to the model one after the other; a full one waits behind the one at work, so it has no pause."""
        answers: asyncio.Queue[tuple[Window, asyncio.Future[Answer]]] = asyncio.Queue(WINDOWS_AHEAD)
        carrying = self.add_future(self._carry_out_all(answers))
        while not self.should_stop:
            window = await self._inbox.take()
            if not window.size:
                self.progress.done()  # a stall is counted from here
            self._at_work += 1
            self._records_under_way += _weight(window)
            self._inbox.free = False
            self._wiring.room()
            while self._records_under_way > self._most_under_way:
                self._finished.clear()
                await self._finished.wait()
            # With work that may be added to it, nothing says how long a small window takes.
            expected_s = self._small_s if window.size <= SMALL and self._later is None else float("inf")
            await answers.put((window, self._wiring.model.run(self._answer, window, expected_s)))
        carrying.cancel()

    async def _carry_out_all(self, answers: "asyncio.Queue[tuple[Window, asyncio.Future[Answer]]]") -> None:
        while True:
            window, answering = await answers.get()
            try:
                answer = await answering
                self._count(window, answer)
            except Exception as error:  # noqa: BLE001  # not a record's fault: those are set aside one by one
                await self.crash(error)
                return
            self._carry_out(window, answer)
            self._at_work -= 1
            self._inbox.free = not self._at_work

    @Service.task
    async def _flush(self) -> None:
        """Write behind: durable rows go to RocksDB now and then, on a thread that has nothing else to do."""
        while not self.should_stop:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_S):
                    await self._much_waits.wait()
            self._much_waits.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write all durable rows to RocksDB. Errors: StateDamaged."""
        await asyncio.get_running_loop().run_in_executor(self._wiring.disk_thread, self._rows.flush)

    def _answer(self, window: Window) -> Answer:
        """On the model's thread: the answer, its rows readable by the next window."""
        began = time.perf_counter()
        if self._later is None:
            answer = self._first(self._logic, window, self._read)
        else:
            answer = answer_in_turn(self._logic, self._later.work, window, self._read, self._first, self._again)
        for tp, part in answer.partitions.items():
            if part.rows:
                self._rows.put(tp.partition, part.rows)
        seconds = time.perf_counter() - began
        metrics.INFERENCE_SECONDS.labels(self._logic.name).observe(seconds)
        if window.size <= SMALL:
            # Down at once, up slowly: one that was kept waiting by the machine says little.
            self._small_s = min(seconds, 0.8 * self._small_s + 0.2 * seconds)
        return answer

    def _first(self, logic: Logic, window: Window, read: ReadRows) -> Answer:
        return answer_with_care(logic, window, read, self._wiring.clock(), self._wiring.attempts)

    def _again(self, later: Logic, window: Window, read: ReadRows) -> Answer:
        assert self._later is not None
        return answer_with_care(later, window, read, self._wiring.clock(), self._later.attempts)

    def _other_work(self) -> bool | None:
        if self._closed or self._later is None or not len(self._later.work.room):
            return False
        return self._later.work.ready() or None

    def _read(self, partition: int, keys: list[bytes], /) -> list[bytes | None]:
        metrics.STATE_READS.labels(self._logic.name).inc(len(keys))
        return self._rows.read(partition, keys)

    def _carry_out(self, window: Window, answer: Answer) -> None:
        touched = dict.fromkeys((*window.records, *answer.partitions, *answer.letters))
        waiting = [self._committer.start(self._effects(tp, window, answer)) for tp in touched]
        task = asyncio.ensure_future(self._finish(window, waiting))
        self._under_way.add(task)

    def _effects(self, tp: TP, window: Window, answer: Answer) -> Effects:
        topic, partition = self._wiring.topic, tp.partition
        if tp in window.records:
            self._reached[tp] = window.records[tp][-1].offset
        effects = Effects(tp, self._reached[tp])
        if tp in answer.letters:
            letters = answer.letters[tp]
            effects.sends.append(Outgoing(topic(DEAD_LETTERS.name), partition, letters.keys, letters.values))
        if tp in answer.partitions:
            part = answer.partitions[tp]
            effects.sends += [
                Outgoing(topic(name), partition, records.keys, records.values) for name, records in part.outputs.items()
            ]
            for name, records in part.routed.items():
                effects.sends += route(topic(name), records.keys, records.values, self._wiring.place)
            effects.keys, effects.rows = list(part.rows.keys()), list(part.rows.values())
        return effects

    async def _finish(self, window: Window, waiting: Sequence[Awaitable[None]]) -> None:
        try:
            await asyncio.gather(*waiting)
        except Exception as error:  # noqa: BLE001  # whatever it is, going on could lose or double something
            await self.crash(error)
            return
        finally:
            self._under_way.discard(asyncio.current_task())
        self._records_under_way -= _weight(window)
        self._finished.set()
        self.progress.done()
        if self._rows.waiting_bytes() > FLUSH_BYTES:
            self._much_waits.set()
        for tp, records in window.records.items():
            left = max(0, self._wiring.highwater(tp) - records[-1].offset - 1)
            metrics.LAG.labels(tp.topic, tp.partition).set(left)
        if not window.size:
            return
        oldest = min(records[0].timestamp for records in window.records.values())
        metrics.END_TO_END_SECONDS.labels(self._logic.name).observe(max(0, self._wiring.clock() - oldest) / 1000)

    def _count(self, window: Window, answer: Answer) -> None:
        agent = self._logic.name
        if window.size:
            metrics.WINDOW_ROWS.labels(agent).observe(window.size)
        for result, count in answer.refined.items():
            metrics.REFINEMENTS.labels(agent, result).inc(count)
        for text, count in answer.cut.items():
            metrics.TEXTS_CUT.labels(agent, text).inc(count)
        if self._later is not None:
            metrics.WAITING.labels(agent).set(len(self._later.work.room))
        for result, count in answer.results.items():
            metrics.EVENTS.labels(agent, result).inc(count)
        for kind, count in answer.types.items():
            metrics.EVENT_TYPES.labels(kind).inc(count)
        for reason, count in answer.reasons.items():
            metrics.DEAD_LETTERS.labels(agent, reason).inc(count)
        if answer.expired:
            metrics.EXPIRED_ROWS.labels(agent).inc(answer.expired)
        if answer.alarms:
            metrics.RISK_ALARMS.labels(agent).inc(answer.alarms)
        rows = sum(len(part.rows) for part in answer.partitions.values())
        metrics.STATE_WRITES.labels(agent).inc(rows)
        self._wiring.limit.count(agent, window.size + answer.again, answer.results["dead_letter"], answer.example)


def _weight(window: Window) -> int:
    """Records, as far as work under way is concerned: an empty window has something to do as well."""
    return max(1, window.size)
