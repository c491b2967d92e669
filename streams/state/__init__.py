"""State rows in RocksDB: read many, write many with the changelog offset in the same batch, recover in runs."""
