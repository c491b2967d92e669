"""Ctrl-C and SIGTERM: while starting they interrupt, while running they ask to stop, while ending they wait."""

import signal
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Handlers for the length of a block. `asked` tells whether a person, or a system, wanted the demo to end."""

    def __init__(self) -> None:
        self.asked = False
        self._interrupts = True
        self._before = [signal.getsignal(number) for number in SIGNALS]

    def hold(self) -> None:
        """From now on a signal only sets `asked`: what is being ended must be ended whole."""
        self._interrupts = False

    def __enter__(self) -> Self:
        for number in SIGNALS:
            signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in zip(SIGNALS, self._before, strict=True):
            signal.signal(number, before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        interrupts, self._interrupts = self._interrupts and not self.asked, False
        self.asked = True
        if interrupts:
            raise KeyboardInterrupt
