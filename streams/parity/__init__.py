"""Is the stream what was measured? The evaluation's events through a real Kafka and worker, and its figures again."""
