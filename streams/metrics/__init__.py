"""What is counted, and where it can be read."""
