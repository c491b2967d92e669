"""The explanation of a user's prediction as a page of its own: one file, no scripts, nothing fetched, text escaped."""

from __future__ import annotations

from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from models.explain.user import UserExplanation

HABITS = 8


def user_page(explanation: UserExplanation) -> str:
    """The explanation as an HTML document."""
    environment = Environment(
        loader=PackageLoader("models.explain"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["when"] = when
    strongest = max((abs(event.weight) for event in explanation.events), default=0.0) or 1.0
    return environment.get_template("user.html.j2").render(
        explanation=explanation,
        shares=explanation.parts.shares(),
        events=[(event, abs(event.weight) / strongest) for event in reversed(explanation.events)],
        habits=explanation.habits[:HABITS],
    )


def when(time_ms: int) -> str:
    """`2017-03-01 14:05`, UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
