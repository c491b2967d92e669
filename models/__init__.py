"""Arrays in, arrays out: predictions for products and users, without broker, clock or metrics."""
