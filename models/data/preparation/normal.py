"""One form for texts that mean the same, in English and Chinese, and a guess of the language by script."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

PASSES = 4  # NFKC after case folding is stable after two in all of Unicode; the rest is room

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_BOUNDARY = re.compile(rf"(?<=[{_HAN}])(?=[a-z0-9\u00df-\u024f])|(?<=[a-z0-9\u00df-\u024f])(?=[{_HAN}])")
_SPACES = re.compile(r"\s+")
_BETWEEN_HAN = re.compile(rf"(?<=[{_HAN}]) (?=[{_HAN}])")
_STEERING = re.compile(r"[\u200b\u2060\ufeff\u00ad\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # invisible, no letters


def tidy(text: str) -> str:
    """The text as a person would write it: NFC, one space between words, nothing invisible or unprintable.

    Case, full-width forms and joiners that shape letters (Persian, emoji) stay. Never raises, idempotent.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    shown = _STEERING.sub("", unicodedata.normalize("NFC", text))
    shown = "".join(each if _stays(each) else " " for each in shown)
    return unicodedata.normalize("NFC", _SPACES.sub(" ", shown).strip())


def normalise(text: str) -> str:
    """The text in the form that models and comparisons use. Never raises, idempotent.

    NFKC (full-width letters and digits, ligatures), case folding, no control, zero-width, joining or unassigned signs,
    one space between words, a space between Chinese and Latin or digits, none between two Chinese characters.
    Traditional and simplified characters are kept apart.
    """
    for _ in range(PASSES):
        once = _pass(text)
        if once == text:
            break
        text = once
    return text


def _pass(text: str) -> str:
    if text.isascii():
        if text.isprintable():
            return " ".join(text.lower().split())
        return " ".join("".join(each if each.isprintable() else " " for each in text.lower()).split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    shown = "".join(map(_kept, folded))
    spaced = _SPACES.sub(" ", _BOUNDARY.sub(" ", unicodedata.normalize("NFKC", shown))).strip()
    return _BETWEEN_HAN.sub("", spaced)


@lru_cache(maxsize=65_536)
def _kept(sign: str) -> str:
    """A sign of a normal text; what is invisible goes, a control sign becomes a space."""
    kind = unicodedata.category(sign)
    if kind in ("Cf", "Cs", "Co", "Cn") or "\ufe00" <= sign <= "\ufe0f":  # format signs, surrogates, variants
        return ""
    return " " if kind in ("Cc", "Zl", "Zp", "Zs") else sign


@lru_cache(maxsize=65_536)
def _stays(sign: str) -> bool:
    return unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp")


_SCRIPTS = (
    ("latin", "a-zA-Z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\uff21-\uff3a\uff41-\uff5a"),
    ("han", _HAN),
    ("kana", "\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d"),
    ("hangul", "\uac00-\ud7af\u1100-\u11ff"),
    ("Cyrl", "\u0400-\u052f"),
    ("Arab", "\u0600-\u06ff\u0750-\u077f"),
    ("Hebr", "\u05d0-\u05ea"),
    ("Grek", "\u0370-\u03ff"),
    ("Thai", "\u0e00-\u0e7f"),
    ("Deva", "\u0900-\u097f"),
)
_OF_SCRIPT = tuple((name, re.compile(f"[{signs}]")) for name, signs in _SCRIPTS)
_ACCENTED = re.compile(r"[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]")
HAN_WORTH = 3  # a Chinese character says as much as about three Latin letters
MOST_ACCENTS = 0.05  # of the Latin letters: `Café Crème` in a title is still English


def language(text: str) -> str:
    """A guess by script alone, as a BCP 47 tag: en, zh, ja, ko, else und-Latn, und-Cyrl, …; und without letters.

    Latin letters are taken for English unless accents are many, so German or Spanish without them is called `en` too.
    Chinese with a Latin brand and model number is `zh` as long as a character stands for every three Latin letters.
    """
    if text.isascii():
        return "en" if any(map(str.isalpha, text)) else "und"
    counts = {name: len(pattern.findall(text)) for name, pattern in _OF_SCRIPT}
    latin, han, kana = counts.pop("latin"), counts.pop("han") * HAN_WORTH, counts.pop("kana") * HAN_WORTH
    hangul = counts.pop("hangul") * HAN_WORTH
    asian = max(han + kana, hangul)
    other = max(counts, key=lambda name: counts[name])
    if asian >= max(latin, counts[other], 1):
        if hangul > han + kana:
            return "ko"
        return "ja" if kana * 5 > han else "zh"
    if counts[other] > latin:
        return f"und-{other}"
    if not latin:
        return "und"
    return "und-Latn" if len(_ACCENTED.findall(text)) > MOST_ACCENTS * latin + 2 else "en"
