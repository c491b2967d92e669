"""What a product of such a text costs: a range of prices, and whether a price lies far outside it."""
