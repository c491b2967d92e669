"""Whether a session will end in a purchase: counters of it in 40 bytes, and a small network over them."""
