"""Pages of their own: one file, no scripts, nothing fetched, every text escaped."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment() -> Environment:
    """For the templates beside this file; a name that a template lacks is an error."""
    return Environment(
        loader=PackageLoader("models.explain"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
