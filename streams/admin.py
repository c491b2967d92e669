"""kafka-python's admin client, made so that one that cannot reach its cluster leaves nothing behind."""

from typing import Any

from kafka import KafkaAdminClient


class Admin(KafkaAdminClient):  # type: ignore[misc]
    """KafkaAdminClient, whose thread and socket end with a constructor that fails.

    kafka-python 3.0 starts both before it looks for the cluster and keeps them when that raises; whoever tries again
    until a broker is up would gather a thread with each try.
    """

    def __init__(self, **config: Any) -> None:
        try:
            super().__init__(**config)
        except BaseException:
            if hasattr(self, "_net"):
                self._closed = False  # else `close` does nothing
                self.close()
            raise
