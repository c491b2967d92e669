"""A shelfstream worker that runs the reference job; settings as for `shelfstream worker`, from the environment."""

import sys

from benchmarks.reference_logic import ReferenceLogic
from schemas.topics import USER_BEHAVIOUR, USER_STATE
from streams.app import WorkerBuilder
from streams.config import load_settings
from streams.device import choose_device
from streams.run import run_worker


def main() -> None:
    """Build and run until told to stop."""
    settings = load_settings()
    choose_device("cpu", settings.models.threads)
    builder = WorkerBuilder(settings)
    rows = builder.table(USER_STATE, shared=False)
    builder.agent(USER_BEHAVIOUR, USER_STATE, rows, ReferenceLogic(), "cpu")
    sys.exit(run_worker(builder.build(), settings))


if __name__ == "__main__":
    main()
