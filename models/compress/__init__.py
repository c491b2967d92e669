"""Smaller and faster forms of a fitted model; models.evaluate.compression tells what each costs."""
