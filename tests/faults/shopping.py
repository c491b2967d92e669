"""Load: users who shop at a steady pace, drawn from a seed and sent from a thread of their own.

What was sent is noted before it is handed to the producer, which retries without doubling or reordering, so the ledger
does not depend on what the brokers go through meanwhile.
"""

import random
import threading
import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, Message, Producer

from schemas.codec import encode
from schemas.events import EVENT_TYPES, UserBehaviour

TICK_S = 0.02
START_MS = 1_700_000_000_000
STEP_MS = 600_000  # between two events of the whole load: users pause, come back, and their habits fade
DELIVERED_S = 120
# A purchase of a product changes state each time it is counted; some other events are the same counted twice.
TYPE_WEIGHTS = (2, 1, 1, 12, 1, 1)
WITH_PRODUCT = 0.95


class Load:
    """Events of `users` users in `partitions` partitions, `pace` a second. `sent` is the ledger, in order."""

    def __init__(
        self,
        servers: str,
        topic: str,
        partitions: int,
        *,
        seed: int,
        users: int,
        pace: float,
        categories: Sequence[str],
        products: Sequence[str],
    ) -> None:
        self.sent: list[UserBehaviour] = []
        self.pace = pace
        self._topic, self._partitions, self._users = topic, partitions, users
        self._categories, self._products = categories, products
        self._random = random.Random(seed)
        self._failed: list[KafkaError] = []
        self._ended = threading.Event()
        self._producer = Producer({
            "bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 5, "reconnect.backoff.max.ms": 200,
            "message.timeout.ms": DELIVERED_S * 1000, "log_level": 0,
        })  # fmt: skip
        self._thread = threading.Thread(target=self._send, name="shoppers", daemon=True)

    def start(self) -> "Load":
        """Begin to send."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End, and wait until everything is acknowledged. Errors: AssertionError if the cluster refused anything."""
        self._ended.set()
        self._thread.join()
        assert self._producer.flush(DELIVERED_S) == 0, "events of the load were not acknowledged"
        assert not self._failed, f"events of the load were refused: {self._failed[:3]}"

    def abandon(self) -> None:
        """End without waiting for anything; after `stop`, nothing."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._producer.purge()

    def _send(self) -> None:
        due, before = 0.0, time.monotonic()
        while not self._ended.wait(TICK_S):
            now = time.monotonic()
            # After the machine stood still there is no catching up: load is load, not a burst.
            due += min(now - before, 5 * TICK_S) * self.pace
            before = now
            while due >= 1:
                due -= 1
                self._send_one()
            self._producer.poll(0)

    def _send_one(self) -> None:
        event = self._draw()
        self.sent.append(event)
        partition = int(event.user_id.removeprefix("user-")) % self._partitions
        self._producer.produce(self._topic, encode(event), event.user_id.encode(), partition, on_delivery=self._told)

    def _told(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed.append(error)

    def _draw(self) -> UserBehaviour:
        number, chance = len(self.sent), self._random
        user = chance.randrange(self._users)
        return UserBehaviour(
            event_id=f"e-{number}",
            user_id=f"user-{user}",
            type=chance.choices(EVENT_TYPES, TYPE_WEIGHTS)[0],
            category=chance.choice(self._categories),
            product_id=chance.choice(self._products) if chance.random() < WITH_PRODUCT else None,
            session_id=f"basket-{number // (self._users * 4)}",
            occurred_at=START_MS + number * STEP_MS,
        )
