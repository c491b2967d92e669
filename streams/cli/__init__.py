"""The command line: a file per command, put together in main.py."""
