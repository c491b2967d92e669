"""Python's garbage collector, told how this program lives."""

import gc

THRESHOLDS = (50_000, 20, 100)  # a window makes tens of thousands of short-lived objects; the default looks every 700


def calm_collector() -> None:
    """Call once the models are loaded: what is there by then stays, and young objects are looked at less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
