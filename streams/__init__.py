"""Records in, records out: the only package with I/O to Kafka and RocksDB."""
