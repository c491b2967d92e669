"""What exactly-once costs: the reference job's throughput and latency in both modes, in one run.

Both modes are counted alike, by a consumer that reads committed records only, as the end offsets of transactions tell
more than there are records.
"""

from typing import Any

from benchmarks import kafka, latency, reference_job
from benchmarks.setting import Setting
from streams.config import setting_names

MODES = ("at-least-once", "exactly-once")
RATE = 1_000
EVENTS, QUICK_EVENTS = 400_000, 40_000
MEASURED_SECONDS, QUICK_SECONDS = 15, 3


def run(setting: Setting) -> dict[str, Any]:
    """{mode: {"throughput": …, "latency": …}} and the second mode's share of the first's throughput.

    A version of the engine without the setting is told so in "left_out".
    """
    if "delivery" not in setting_names():
        return {"left_out": "not in this version: there is no setting `delivery`"}
    figures: dict[str, Any] = {mode: _mode(setting, mode) for mode in MODES}
    rates = [figures[mode]["throughput"]["events_per_second"] for mode in MODES]
    return {**figures, "exactly_once_share": rates[1] / rates[0]}


def _mode(setting: Setting, mode: str) -> dict[str, Any]:
    ours = reference_job.PROGRAMS["shelfstream"]
    program = reference_job.Program(ours.module, EVENTS, QUICK_EVENTS, environment={"SHELFSTREAM_DELIVERY": mode})
    events = setting.pick(EVENTS, QUICK_EVENTS)
    throughput = reference_job.one(setting, f"delivery-{mode}", program, events, kafka.CommittedRecords)
    seconds = setting.pick(MEASURED_SECONDS, QUICK_SECONDS)
    answered = latency.reference(setting, f"latency-{mode}", [RATE], seconds, DELIVERY=mode)
    return {"throughput": throughput, "latency": answered[str(RATE)]}
