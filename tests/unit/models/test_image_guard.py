"""Pictures decoded in a process of their own: the same pixels, and whatever ends or holds it costs one picture."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from models.image.decode import decode
from models.image.errors import ImageError
from models.image.guard import GuardedDecoder
from schemas.events import MAX_IMAGE_BYTES
from tests.unit.models.pictures import encoded, halves

GOOD = encoded(halves(), "JPEG")


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedDecoder]:
    made = GuardedDecoder(timeout_s=20)
    made.decode(GOOD)
    yield made
    made.close()


def reason_of(work: Callable[[bytes], object], data: bytes) -> str:
    with pytest.raises(ImageError) as raised:
        work(data)
    return raised.value.reason


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_it_gives_the_pixels_that_decoding_here_gives(guarded: GuardedDecoder, kind: str) -> None:
    data = encoded(halves(300, 200), kind)
    np.testing.assert_array_equal(guarded.decode(data), decode(data))


@pytest.mark.parametrize(
    "data",
    [b"", b"no picture", GOOD[: len(GOOD) // 2], encoded(halves(4_000, 4_000), "PNG"), b"\xff" * MAX_IMAGE_BYTES],
)
def test_it_refuses_what_decoding_here_refuses_and_goes_on(guarded: GuardedDecoder, data: bytes) -> None:
    assert reason_of(guarded.decode, data) == reason_of(decode, data)
    guarded.decode(GOOD)


def test_too_many_bytes_are_not_even_sent(guarded: GuardedDecoder) -> None:
    assert reason_of(guarded.decode, b"\xff" * (MAX_IMAGE_BYTES + 1)) == "too_many_bytes"


def test_a_picture_that_holds_the_process_is_given_up_in_time_and_the_next_one_is_decoded() -> None:
    guarded = GuardedDecoder(timeout_s=0.5)
    guarded.decode(GOOD)
    os.kill(process_of(guarded).pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(ImageError, match=r"longer than 0\.5 s"):
        guarded.decode(b"\x00" * MAX_IMAGE_BYTES)  # more than the pipe holds: neither writing nor reading may wait
    assert time.monotonic() - began < 10
    np.testing.assert_array_equal(guarded.decode(GOOD), decode(GOOD))
    guarded.close()


def test_the_first_picture_has_no_more_time_than_others() -> None:
    guarded = GuardedDecoder(timeout_s=0.001)
    with pytest.raises(ImageError, match=r"longer than 0\.001 s"):
        guarded.decode(encoded(halves(2_000, 1_500), "JPEG"))
    guarded.close()


def test_a_picture_that_kills_the_process_is_broken_and_the_next_one_is_decoded() -> None:
    guarded = GuardedDecoder(timeout_s=20)
    guarded.decode(GOOD)
    process = process_of(guarded)
    process.kill()
    process.wait()
    assert reason_of(guarded.decode, GOOD) == "broken"
    np.testing.assert_array_equal(guarded.decode(GOOD), decode(GOOD))
    guarded.close()
    guarded.close()


def process_of(guarded: GuardedDecoder) -> "subprocess.Popen[bytes]":
    assert guarded._process is not None
    return guarded._process
