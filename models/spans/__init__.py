"""Attribute values as spans of a title: which characters say the brand, the colour, the size."""
