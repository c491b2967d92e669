"""Why the models answered as they did: words and their weights, evidence for batches, nearest training products."""
