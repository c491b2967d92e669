"""From files and topics to products that a model can learn from: collected, cleaned, split, reported, described."""
