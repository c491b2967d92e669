"""Takes snapshots now and then, on a thread of its own: the stream goes on meanwhile."""

import logging
import threading
from collections.abc import Callable, Mapping

from faust.types import TP

from streams.errors import StateDamaged
from streams.metrics.declared import SNAPSHOTS
from streams.state.snapshots import Snapshots
from streams.state.store import RowStore

log = logging.getLogger(__name__)
CLOSE_S = 2.0


class SnapshotTaker:
    """Every `interval_s`, a snapshot of each partition that `active` names."""

    def __init__(self, snapshots: Snapshots, active: Callable[[], Mapping[TP, RowStore]], interval_s: float) -> None:
        self._snapshots = snapshots
        self._active = active
        self._interval_s = interval_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Begin no other snapshot. One that does not end soon is left: half of one has a temporary name."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def take(self, tp: TP, store: RowStore) -> None:
        """One snapshot now. What goes wrong is logged: the changelog has every row, so the stream need not stop."""
        try:
            with store.checkpoint(tp.partition) as made:
                if made is None:
                    return
                checkpoint, offset = made
                self._snapshots.add(checkpoint, tp, offset)
        except (OSError, StateDamaged) as error:
            log.warning("no snapshot of %s[%d]: %s; trying again later", tp.topic, tp.partition, error)
            SNAPSHOTS.labels(store.table_name, "failed").inc()
            return
        SNAPSHOTS.labels(store.table_name, "written").inc()

    def _run(self) -> None:
        while not self._ended.wait(self._interval_s):
            for tp, store in self._active().items():
                if self._ended.is_set():
                    return
                self.take(tp, store)
