"""The explanation of a user's prediction as a page of its own: one file, no scripts, nothing fetched, text escaped."""

from __future__ import annotations

from datetime import UTC, datetime

from models.explain.templating import environment
from models.explain.user import UserExplanation

HABITS = 8


def user_page(explanation: UserExplanation) -> str:
    """The explanation as an HTML document."""
    pages = environment()
    pages.filters["when"] = when
    strongest = max((abs(event.weight) for event in explanation.events), default=0.0) or 1.0
    return pages.get_template("user.html.j2").render(
        explanation=explanation,
        shares=explanation.parts.shares(),
        events=[(event, abs(event.weight) / strongest) for event in reversed(explanation.events)],
        habits=explanation.habits[:HABITS],
    )


def when(time_ms: int) -> str:
    """`2017-03-01 14:05`, UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
