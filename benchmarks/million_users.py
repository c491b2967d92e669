"""A worker with 1,000,000 users in state: how fast it recovers them, and how much memory it takes then.

The changelog is filled with rows that the shipped model made from real purchases, so they compress and cost what real
ones do. The worker starts without local state, which is what a new machine or a lost disk means, and is then sent
events of users from everywhere in the state.
"""

import time
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np

from benchmarks import kafka, shop, state_rows
from benchmarks.purchases import purchase_events
from benchmarks.serving import Serving
from benchmarks.setting import BenchmarkFailed, Setting
from schemas.codec import encode
from schemas.events import UserBehaviour
from schemas.topics import DEFAULT_PARTITIONS, USER_BEHAVIOUR, USER_PREDICTIONS, USER_STATE

RECOVERED = "shelfstream_recovered_rows_total"


def run(setting: Setting) -> dict[str, Any]:
    """Recovery and memory, in one run of one worker."""
    opened = shop.open_shop(setting, "million-users")
    users = setting.pick(1_000_000, 20_000)
    rows = state_rows.shipped_rows(setting.pick(30_000, 10_000))
    changelog = opened.topic(USER_STATE.name)
    kafka.preload(setting.bootstrap, changelog, state_rows.keyed(rows, users))
    ends = kafka.EndOffsets(setting.bootstrap, changelog, DEFAULT_PARTITIONS)
    counted = ends.total()
    ends.close()
    with opened.worker() as serving:
        recovery = _recover(serving, counted, setting.pick(180, 60))
        after_recovery = serving.process.resident_bytes()
        events = setting.pick(100_000, 2_000)
        kafka.preload(setting.bootstrap, opened.topic(USER_BEHAVIOUR.name), _events(users, events))
        watched = shop.until_answered(opened, serving, USER_PREDICTIONS.name, events, setting.pick(120, 60))
        written = serving.metric("shelfstream_state_writes_total", agent="behaviour")
        memory = serving.process.peak_bytes()
    return {
        "users": users,
        "row_bytes": len(rows[0]),
        **recovery,
        "memory_after_recovery_bytes": after_recovery,
        "peak_memory_bytes": memory,
        "events_after_recovery": events,
        "events_per_second_after_recovery": watched.rate,
        "rows_written_after_recovery": written,
    }


def _recover(serving: Serving, rows: int, limit_seconds: float) -> dict[str, float]:
    """Rows a second from the first sample that has rows to the one that has all; the clock is this process's own."""
    samples: list[tuple[float, float]] = []
    began = time.monotonic()
    while not samples or samples[-1][1] < rows:
        samples.append((time.monotonic() - began, serving.metric(RECOVERED)))
        if samples[-1][0] > limit_seconds or not serving.process.alive():
            raise BenchmarkFailed(f"{samples[-1][1]:,.0f} of {rows:,} rows were recovered\n{serving.process.tail()}")
        time.sleep(0.05)
    serving.wait_ready()
    ready = time.monotonic() - began
    first = next(i for i, sample in enumerate(samples) if sample[1])
    start = samples[max(0, first - 1)]  # the last one without rows: the first runs came after it
    seconds = samples[-1][0] - start[0]
    return {
        "recovered_rows_per_second": rows / seconds,
        "recovered_rows": rows,
        "recovery_seconds": seconds,
        "start_to_ready_seconds": ready,
    }


def _events(users: int, count: int) -> Iterator[tuple[bytes, bytes]]:
    """Purchases of users drawn evenly from all, so that state is read all over."""
    drawn = np.random.default_rng(11).integers(0, users, count).tolist()
    real = cycle(list(purchase_events(min(count, 20_000))))
    for number, (user, bought) in enumerate(zip(drawn, real, strict=False)):
        event = UserBehaviour(
            event_id=str(number),
            user_id=f"user-{user}",
            type="purchase",
            occurred_at=bought.occurred_at,
            product_id=bought.product_id,
            category=bought.category,
        )
        yield event.user_id.encode(), encode(event)
