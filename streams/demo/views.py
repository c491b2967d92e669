"""Where progress goes: a live screen in a terminal, a line now and then elsewhere."""

import contextlib
import io
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.live import Live

from streams.demo.checker import Checker, ProductRow, UserRow
from streams.demo.rates import Rate
from streams.demo.screen import FIXED_LINES, ROWS, WIDTH, Moment, render

LINE_EVERY_S = 5.0
FRAMES_A_SECOND = 4
ROWS_EVERY_S = 1.0  # the lists change this often at most, so that they can be read
REMOTE_FONTS = re.compile(r"@font-face\s*\{.*?\}", re.DOTALL)


class View(Protocol):
    """Shows how a run goes on."""

    def show(self, checker: Checker, moment: Moment) -> None:
        """The present moment; called a few times a second."""
        ...


class LiveView:
    """The screen, drawn anew a few times a second."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, checker: Checker, moment: Moment) -> None:
        """Draw it."""
        rows = (self._live.console.size.height - FIXED_LINES) // 2
        self._live.update(render(checker, moment, max(1, min(ROWS, rows))), refresh=True)


class LineView:
    """A line every few seconds, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def show(self, checker: Checker, moment: Moment) -> None:
        """Print a line if it is time."""
        if moment.elapsed_s < self._next:
            return
        self._next = moment.elapsed_s + LINE_EVERY_S
        products, purchases, p90 = checker.products, checker.purchases, checker.recent["behaviour"].percentile(90)
        taken, wrong = checker.alarms.injected, checker.alarms.ordinary.alarms
        latency = "" if math.isnan(p90) else f"p90 {p90:.1f} ms, "
        self._console.print(
            f"{moment.elapsed_s:5.0f} s  {moment.phase}: products {products.complete:,} of {products.sent:,}, "
            f"purchases {purchases.complete:,} of {purchases.sent:,}, {latency}"
            f"alarms on {len(taken.caught)} of {len(taken.households)} takeovers and {wrong} others, "
            f"dead letters {checker.letters}",
            soft_wrap=True,
            highlight=False,
        )


@contextlib.contextmanager
def open_view(console: Console, *, live: bool) -> Iterator[View]:
    """The view that suits the console; a live one gives the terminal back as it was."""
    if not live:
        yield LineView(console)
        return
    with Live(console=console, auto_refresh=False, screen=True) as screen:
        yield LiveView(screen)


class Sampler:
    """Makes moments: rates from counts, and lists that stand still long enough to be read."""

    def __init__(self, checker: Checker, kafka: str, seconds: float | None) -> None:
        self._checker = checker
        self._kafka = kafka
        self._seconds = seconds
        self._rates = {agent: (Rate(), Rate()) for agent in ("products", "behaviour")}
        self._products: list[ProductRow] = []
        self._users: list[UserRow] = []
        self._chosen_at = -ROWS_EVERY_S

    def moment(self, phase: str, elapsed_s: float) -> Moment:
        """What there is to see now."""
        checker, now = self._checker, time.monotonic()
        for agent, ledger in (("products", checker.products), ("behaviour", checker.purchases)):
            into, out = self._rates[agent]
            into.note(now, ledger.sent)
            out.note(now, ledger.complete)
        if elapsed_s - self._chosen_at >= ROWS_EVERY_S:
            self._products, self._users = list(checker.product_rows)[-ROWS:], list(checker.user_rows)[-ROWS:]
            self._chosen_at = elapsed_s
        rates = {agent: (into.per_second, out.per_second) for agent, (into, out) in self._rates.items()}
        return Moment(phase, self._kafka, elapsed_s, self._seconds, rates, self._products, self._users)


def save_screen(path: Path, checker: Checker, moment: Moment) -> None:
    """Write the screen as SVG, in the reader's own fonts: a picture must not load anything."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(render(checker, moment))
    svg = console.export_svg(title="shelfstream demo")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(REMOTE_FONTS.sub("", svg).replace("Fira Code", "ui-monospace, monospace"), encoding="utf-8")
