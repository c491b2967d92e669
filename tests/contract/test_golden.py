"""Bytes that were written once are understood forever."""

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from schemas import codec
from schemas.state import ROW_FORMAT, ROW_HEADER, ROW_HEADER_BYTES
from schemas.topics import TOPICS

GOLDEN = Path(__file__).parents[2] / "schemas" / "golden"
MESSAGES = {spec.value.__name__: spec.value for spec in TOPICS if spec.value is not None}
INPUTS = ("ProductUpsert", "UserBehaviour")
PACKED = sorted(GOLDEN.rglob("*.msgpack"))


def message_of(path):
    return MESSAGES[path.name.partition(".")[0]]


def case_of(path):
    return path.parent / ".".join(path.name.split(".")[:2])


def holds(now, then):
    """Everything that was said then is said now; there may be more, because fields are only added."""
    if isinstance(then, dict):
        return isinstance(now, dict) and all(key in now and holds(now[key], value) for key, value in then.items())
    if isinstance(then, list):
        return isinstance(now, list) and len(now) == len(then) and all(map(holds, now, then))
    return now == then and type(now) is type(then)


@pytest.mark.parametrize("path", PACKED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_old_messagepack_decodes_to_what_it_said(path):
    decoded = codec.Codec(message_of(path)).decode(path.read_bytes())
    then = json.loads(path.with_suffix(".json").read_bytes())
    now = json.loads(codec.to_json(decoded))
    if isinstance(then, list):
        now = now[: len(then)]  # a message without field names grows at its end
    assert holds(now, then)


@pytest.mark.parametrize(
    "path",
    [path for name in INPUTS for path in sorted(GOLDEN.rglob(f"{name}.*.json"))],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_old_json_input_decodes_to_the_same_message_as_its_messagepack(path):
    decode = codec.Codec(message_of(path)).decode
    assert decode(path.read_bytes()) == decode(case_of(path).with_name(case_of(path).name + ".msgpack").read_bytes())


def test_every_message_has_golden_bytes():
    assert {path.name.partition(".")[0] for path in PACKED} == set(MESSAGES)


def test_golden_files_are_only_ever_added():
    sums = dict(reversed(line.split()) for line in (GOLDEN / "SHA256SUMS").read_text().splitlines())
    files = {str(path.relative_to(GOLDEN)): path for path in GOLDEN.glob("v*/*")}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == sums


def test_the_head_of_an_old_state_row_is_read():
    stored = (GOLDEN / "v1" / "row_header.bin").read_bytes()
    head = np.frombuffer(stored[:ROW_HEADER_BYTES], np.dtype(ROW_HEADER))[0]
    assert np.dtype(ROW_HEADER).itemsize == ROW_HEADER_BYTES == struct.calcsize("<B3xIq")
    assert head["format"] == ROW_FORMAT
    assert (head["model"], head["offset"]) == struct.unpack("<4xIq", stored[:16]) == (0x89ABCDEF, 123_456_789_012)
