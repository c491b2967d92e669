"""What a soak says of its samples, the warm-up left out."""

from benchmarks.soak import Sample, told

MIB = 1024 * 1024


def samples(mib_per_minute: float, handles: int = 0) -> list[Sample]:
    """Half an hour: memory that fills its caches in ten minutes and then goes on as told; `handles` more at the end."""
    made = []
    for number in range(360):
        minute = number / 12
        memory = 500 + 30 * min(10.0, minute) + mib_per_minute * max(0.0, minute - 10) + (number % 7) / 10
        more = round(handles * number / 359)
        made.append(Sample(number * 5.0, int(memory * MIB), int(memory * MIB), 40 + more + number % 2, 9))
    return made


def test_memory_that_stays_after_the_warm_up_is_flat() -> None:
    figures = told(samples(0.0))
    assert figures["memory_is_flat"] == 1
    assert figures["handles_grown"] == figures["threads_grown"] == 0


def test_a_page_now_and_then_is_no_growth() -> None:
    assert told(samples(0.05))["memory_is_flat"] == 1  # 3 MiB an hour, of 530


def test_a_leak_is_not_flat_and_has_its_size() -> None:
    figures = told(samples(1.0))
    assert figures["memory_is_flat"] == 0
    assert 55 * MIB < figures["memory_slope_bytes_per_hour"]["per_hour"] < 65 * MIB


def test_handles_that_stay_open_are_counted_and_those_that_come_and_go_are_not() -> None:
    assert told(samples(0.0, handles=0))["handles_grown"] == 0
    assert told(samples(0.0, handles=9))["handles_grown"] >= 3
