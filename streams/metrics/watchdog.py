"""Ends a worker that stands still, so that its orchestrator starts a new one: nothing in it could do so by itself."""

import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable

from streams.metrics.health import Health

log = logging.getLogger(__name__)
LOOK_S = 1.0


def end_at_once() -> None:
    """Exit code 1 without a farewell: what stands still would not take part in one, and a restart loses nothing."""
    faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
    sys.stderr.flush()
    os._exit(1)


class Watchdog:
    """A thread that calls `end` when something has been stalled for `exit_s` on end; never, if that is 0."""

    def __init__(self, health: Health, exit_s: float, end: Callable[[], None] = end_at_once) -> None:
        self._health = health
        self._exit_s = exit_s
        self._end = end
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        if self._exit_s:
            self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        self._stopped.set()

    def _watch(self) -> None:
        since: float | None = None
        while not self._stopped.wait(LOOK_S):
            stalled = self._health.stalled()
            if not stalled:
                since = None
                continue
            if since is None:
                since = time.monotonic()
                log.warning("stalled: %s", "; ".join(stalled))
            if time.monotonic() - since >= self._exit_s:
                log.critical("stalled for %.0f s, the worker ends itself: %s", self._exit_s, "; ".join(stalled))
                self._end()
                return
