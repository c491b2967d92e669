"""`shelfstream`, whose behaviour model never comes back."""

import time
from typing import Any

from streams.cli.main import main
from streams.logic.behaviour import BehaviourLogic


def hang(self: BehaviourLogic, *args: Any) -> Any:
    """Longer than any test."""
    time.sleep(3_600)


BehaviourLogic.answer = hang  # type: ignore[method-assign]
main()
