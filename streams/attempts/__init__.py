"""Which records were with the model when a worker died, and what the next one does about it."""
