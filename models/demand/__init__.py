"""Daily demand of products and categories: quantiles of the next seven days from the last fifty-six."""
