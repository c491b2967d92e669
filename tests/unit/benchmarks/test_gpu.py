"""The benchmark of another device, with the processor as that device: every job runs, and answers agree."""

import pytest
import torch

from benchmarks import gpu


def test_each_job_is_measured_on_both_and_the_answers_agree() -> None:
    rows = gpu.measure("cpu", seconds=0.01, windows=(256,), titles=64)
    assert [row.job for row in rows] == ["user events", "titles, n-grams", "titles, encoder"]
    for row in rows:
        assert row.worst_difference < 1e-5
        assert row.same_first == 1
    assert "256" in gpu.table(rows, "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main([]) == 2
    assert "no CUDA device" in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_half_precision_on_cuda_answers_as_the_processor_does() -> None:
    for row in gpu.measure("cuda", seconds=0.01, windows=(256,), titles=256):
        assert row.worst_difference < 0.02
        assert row.same_first > 0.99
