"""JSON Schemas of every message, generated from the types.

    python -m schemas.jsonschema            writes schemas/json/<Message>.schema.json
    python -m schemas.jsonschema --check    writes nothing; exits 1 when a file is stale

A schema tells what JSON a message may be: for inputs that includes RFC 3339 text where the time is. MessagePack holds
the same fields, with bytes as bytes instead of base64.
"""

import argparse
import sys
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from schemas.codec import json_form
from schemas.topics import TOPICS

FOLDER = Path(__file__).parent / "json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render() -> dict[str, bytes]:
    """File name -> content, one file for each message that a topic of ours carries."""
    messages = {spec.value.__name__: spec.value for spec in TOPICS if spec.value is not None}
    return {f"{name}.schema.json": _document(name, json_form(message)) for name, message in messages.items()}


def stale(folder: Path = FOLDER) -> list[str]:
    """Names of files in `folder` that are missing, differ from what the types say, or belong to no message."""
    wanted = render()
    there = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def write(folder: Path = FOLDER) -> list[str]:
    """Bring `folder` up to date and tell which files changed."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted, changed = render(), stale(folder)
    for name in changed:
        if name in wanted:
            (folder / name).write_bytes(wanted[name])
        else:
            (folder / name).unlink()
    return changed


def _document(name: str, form: type[msgspec.Struct]) -> bytes:
    (reference,), components = msgspec.json.schema_components([form], ref_template="#/$defs/{name}")
    own = reference["$ref"].rpartition("/")[2]
    schema: dict[str, Any] = {"$schema": DIALECT, **components.pop(own), "title": name}
    if components:
        schema["$defs"] = dict(sorted(components.items()))
    for part in (schema, *components.values()):
        if "description" in part:
            # Python 3.13 takes the indent away itself, 3.11 does not.
            part["description"] = cleandoc(part["description"])
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def main(arguments: list[str] | None = None) -> int:
    """Run from the shell; the exit status is 1 when --check found a stale file."""
    parser = argparse.ArgumentParser(prog="python -m schemas.jsonschema", description="Write the JSON Schemas.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when a file is stale")
    if parser.parse_args(arguments).check:
        found = stale()
        if found:
            print(f"stale: {', '.join(found)}; run python -m schemas.jsonschema", file=sys.stderr)
        return 1 if found else 0
    changed = write()
    print(f"{FOLDER}: {len(changed)} changed{': ' if changed else ''}{', '.join(changed)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
