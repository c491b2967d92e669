"""The same logic as in the stream, over a file, without Kafka."""
