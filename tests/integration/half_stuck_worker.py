"""`shelfstream`, in which nothing of partition 1 is ever carried out, as if Kafka had forgotten to acknowledge it."""

import asyncio
from collections.abc import Awaitable

from streams.cli.main import main
from streams.commit.effects import Committer, Effects

start = Committer.start


def start_unless_stuck(self: Committer, effects: Effects) -> Awaitable[None]:
    """Never done for partition 1."""
    return asyncio.Event().wait() if effects.tp.partition == 1 else start(self, effects)  # type: ignore[return-value]


Committer.start = start_unless_stuck  # type: ignore[method-assign]
main()
