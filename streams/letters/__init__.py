"""Dead letters: how they are made, and how many are too many."""
