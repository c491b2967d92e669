"""One file per number that we publish; `python -m benchmarks.run` runs them all and writes benchmarks/results."""
