"""How both Bytewax programs are run: one worker, snapshots of state into a recovery store as by default every 10 s."""

import os
from datetime import timedelta
from pathlib import Path

from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

SNAPSHOT_SECONDS = 10


def run(flow: Dataflow) -> None:
    """Run until SIGTERM, with the recovery store in BENCH_FOLDER."""
    folder = Path(os.environ["BENCH_FOLDER"])
    init_db_dir(folder, 1)
    cli_main(
        flow,
        workers_per_process=1,  # two were slower: they share Python's lock
        epoch_interval=timedelta(seconds=SNAPSHOT_SECONDS),
        recovery_config=RecoveryConfig(str(folder)),
    )
