"""The agents: which topic each reads, and which table it keeps. Wiring only."""
