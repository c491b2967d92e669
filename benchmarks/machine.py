"""Where the figures were measured: processor, memory, load, versions."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("faust-streaming", "aiokafka", "rocksdict", "torch", "numpy", "msgspec", "confluent-kafka")


def facts() -> dict[str, Any]:
    """JSON-able facts; the load is the one before the benchmarks began."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "load_before": load(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def load() -> list[float]:
    """The load averages of the last one, five and fifteen minutes."""
    return [round(average, 2) for average in os.getloadavg()]


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
