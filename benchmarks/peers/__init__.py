"""Workers that do the reference job, each a program of its own, so that none sees the others' settings or memory."""
