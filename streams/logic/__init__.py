"""What is decided: events and state in, outputs and new state out. No I/O, so the stream and `predict` share it."""
