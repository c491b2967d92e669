"""What is mended in a text before anything else looks at it, and a count of each kind of mend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import ftfy

from models.data.preparation.markup import without_markup
from models.data.preparation.normal import tidy

# Only text decoded with the wrong table (`CafÃ©`); markup, width and quotes are dealt with in steps of our own.
MOJIBAKE = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    remove_control_chars=False,
    normalization=None,
    explain=False,
)


def repaired(texts: Sequence[str], counts: Counter[str]) -> list[str]:
    """(n,) texts -> (n,) texts without mojibake, HTML, invisible signs and stray spaces.

    `counts` grows by the number of texts that each step changed: mojibake, html, spaces and control characters.
    """
    known: dict[str, tuple[str, tuple[str, ...]]] = {}
    out = []
    for text in texts:
        if text not in known:
            known[text] = _repair(text)
        mended, steps = known[text]
        counts.update(steps)
        out.append(mended)
    return out


def _decoded(text: str) -> str:
    return text if text.isascii() else ftfy.fix_text(text, MOJIBAKE)


STEPS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("mojibake", _decoded),
    ("html", without_markup),
    ("spaces and control characters", tidy),
)


def _repair(text: str) -> tuple[str, tuple[str, ...]]:
    steps = []
    for name, step in STEPS:
        mended = step(text)
        if mended != text:
            steps.append(name)
            text = mended
    return text, tuple(steps)
