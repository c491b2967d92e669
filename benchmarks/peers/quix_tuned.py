"""Quix Streams in the fastest way found: the documented program with settings for throughput.

    BENCH_BROKER=... BENCH_TOPICS=events,answers BENCH_FOLDER=... BENCH_WEIGHTS=... \\
        python -m benchmarks.peers.quix_tuned

Deep queues in librdkafka, larger requests, a checkpoint every 30 s instead of 5 s, fewer garbage collections. Batches
are not to be had: Quix's windows gather events, but a window ends when a later event comes, so that the last ones are
never answered, and this job wants an answer for every event.
"""

import gc

from benchmarks.peers.quix_documented import main

CHECKPOINT_SECONDS = 30.0
CONSUMER = {"queued.min.messages": 1_000_000, "fetch.message.max.bytes": 8 * 1024 * 1024, "check.crcs": False}
PRODUCER = {"linger.ms": 50, "batch.size": 1024 * 1024, "queue.buffering.max.messages": 1_000_000}

if __name__ == "__main__":
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    main(commit_interval=CHECKPOINT_SECONDS, consumer_extra_config=CONSUMER, producer_extra_config=PRODUCER)
