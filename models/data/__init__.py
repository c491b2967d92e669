"""From data sets on disk to arrays: titles with labels, purchases, and the split every figure uses."""
