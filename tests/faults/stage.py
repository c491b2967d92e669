"""Where a fault is played: a place on a cluster, users who shop all the while, workers, and the ledger at the end."""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.faults.cluster import Cluster
from tests.faults.ledger import check
from tests.faults.replay import Models
from tests.faults.report import Line
from tests.faults.shopping import Load
from tests.faults.watcher import Mark, Watcher
from tests.integration.worker_process import Place, Worker, wait_until

WORKER = ("streams.cli.main", "worker")
SESSION_S = 6
CATCH_UP_S = 120
AT_LEAST_ONCE, EXACTLY_ONCE = "at-least-once", "exactly-once"
DELIVERIES = (AT_LEAST_ONCE, EXACTLY_ONCE)


class Stage:
    """One fault's. `random` is seeded, and everything that is drawn for the fault comes from it."""

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        name: str,
        models: Models,
        artifact: Path,
        *,
        seed: str,
        delivery: str = AT_LEAST_ONCE,
        partitions: int = 4,
        users: int = 60,
        pace: float = 200,
        replicas: int = 1,
        config: Mapping[str, str] | None = None,
    ) -> None:
        self.random = random.Random(seed)
        self.cluster, self.delivery = cluster, delivery
        self._folder, self._models, self._artifact = folder, models, artifact
        self.place = Place(cluster.servers, name, partitions)
        self.place.create_topics(replicas, config or {})
        known = next(iter(models.values()))
        self.load = Load(
            cluster.servers, self.place.topic("user-behaviour"), partitions, seed=self.random.randrange(2**32),
            users=users, pace=pace, categories=known.categories, products=known.products[:200],
        )  # fmt: skip
        self.watcher = Watcher(self.place)
        self._workers: list[Worker] = []
        self._newest: dict[str, tuple[Worker, Callable[[], Worker]]] = {}  # by label, and how to start it again
        self._tended = False

    def start_worker(
        self, label: str = "one", program: Sequence[str] = WORKER, prefix: Sequence[str] = (), **settings: str
    ) -> Worker:
        """A worker; each `label` has a folder of its own, which the next start finds again."""
        given = {
            "kafka_bootstrap_servers": self.cluster.worker_servers,
            "kafka_session_timeout_s": str(SESSION_S),
            "models_behaviour": str(self._artifact),
            "batch_max_events": "16",  # many windows, so that a fault finds some of them under way
            "delivery": self.delivery,
            **settings,
        }
        variables = {f"SHELFSTREAM_{name.upper()}": value for name, value in given.items()}
        worker = Worker(self.place, self._folder / label, variables, program, prefix)
        self._workers.append(worker)
        self._newest[label] = worker, lambda: self.start_worker(label, program, prefix, **settings)
        return worker

    @property
    def labels(self) -> list[str]:
        """Of the workers there are."""
        return list(self._newest)

    def worker(self, label: str) -> Worker:
        """The newest of this label."""
        return self._newest[label][0]

    def tend(self) -> None:
        """As an orchestrator does: a worker that has ended by itself is started again. From now on, in all waits."""
        self._tended = True
        for worker, again in list(self._newest.values()):
            if not worker.alive():
                code = worker.wait(1)
                assert code == 1, f"{worker.label} ended with {code}:\n{worker.tail()}"
                again()

    def release(self, label: str) -> Worker:
        """The newest of this label, which is not tended any more: what becomes of it is the test's business."""
        return self._newest.pop(label)[0]

    def wait_ready(self, *labels: str) -> None:
        """Wait until the newest worker of each of these labels is ready; without any, of all."""

        def ready() -> bool:
            return all(self.worker(label).get("/readyz")[0] == 200 for label in labels or self.labels)

        self._wait(ready, "ready workers")

    def wait_answered(self, more: int) -> None:
        """Wait until so many more events are answered than now."""
        wanted = self.watcher.answered + more
        self._wait(lambda: self.watcher.answered >= wanted, f"{more} more answers")

    def recovered(self, mark: Mark, since: float | None = None) -> float:
        """Wait for a new prediction in every partition; see Watcher.recovered."""
        self._wait(lambda: self.watcher.recovered(mark, since) is not None, "a new prediction in every partition")
        return self.watcher.recovered(mark, since) or 0.0

    def finish(self, fault: str, times: int, recovered_s: Sequence[float] = ()) -> Line:
        """End the load, let the workers catch up and stop, and check the ledger."""
        self.load.stop()
        with suppress(AssertionError):  # then the ledger will say what is lost
            self._wait(lambda: self.watcher.answered >= len(self.load.sent), "the rest")
        for worker in self._workers:
            if worker.alive():
                worker.terminate()
        for worker in self._workers:
            worker.wait(30)
        found = check(self.place, self.load.sent, self._models)
        return Line(fault, self.delivery, times, found, [round(seconds, 3) for seconds in recovered_s])

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        """Errors: AssertionError with the workers' logs."""

        def holds() -> bool:
            if self._tended:
                self.tend()
            return condition()

        wait_until(holds, what, CATCH_UP_S, self.place.logs)

    def close(self) -> None:
        """Make sure that nothing of it runs on."""
        for worker in self._workers:
            worker.close()
        self.load.abandon()
        self.watcher.close()
