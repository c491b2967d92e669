"""Who owns the order of effects."""
