"""Shopify's product taxonomy as its publisher writes it: one category a line, in English and in Chinese.

Source: https://github.com/Shopify/product-taxonomy (MIT, Copyright (c) Shopify), `taxonomy/categories.en.txt.gz` and
`categories.zh-CN.txt.gz`: `gid://shopify/TaxonomyCategory/ap-1 : Animals & Pet Supplies > Live Animals`.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from models.errors import DataError

PREFIX = "gid://shopify/TaxonomyCategory/"


def names(data: Path, language: str) -> dict[str, str]:
    """Id -> own name (without ancestors), in the publisher's order; `language` is en or zh-CN. Errors: DataError."""
    file = data / "taxonomy" / f"categories.{language}.txt.gz"
    try:
        lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}; give the folder of the data sets with --data") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        place, colon, path = line.partition(" : ")
        if not colon or not place.startswith(PREFIX):
            raise DataError(f"{file} line {number} is not `{PREFIX}ID : PATH` but {line[:80]!r}")
        found[place.strip().removeprefix(PREFIX)] = path.split(" > ")[-1].strip()
    return found


def version(data: Path) -> str:
    """The publisher's version, such as 2025-08. Errors: DataError."""
    return _text(data / "taxonomy" / "VERSION").strip()


def licence(data: Path) -> str:
    """The publisher's licence, which must travel with the names. Errors: DataError."""
    return _text(data / "taxonomy" / "LICENSE")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error}; give the folder of the data sets with --data") from error
