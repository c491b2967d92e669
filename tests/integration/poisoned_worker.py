"""`shelfstream`, whose behaviour model ends the process at some records: `abort` at once, `hang` never comes back."""

import os
import time
from typing import Any

from streams.cli.main import main
from streams.logic.behaviour import BehaviourLogic

answer = BehaviourLogic.answer


def poisoned(self: BehaviourLogic, window: Any, read: Any) -> Any:
    """The answer, unless a record names the product `abort` or `hang`."""
    values = [record.value or b"" for records in window.records.values() for record in records]
    if any(b"product-abort" in value for value in values):
        os.abort()
    if any(b"product-hang" in value for value in values):
        time.sleep(3_600)
    return answer(self, window, read)


BehaviourLogic.answer = poisoned  # type: ignore[method-assign]
main()
