"""Any product title -> the Shopify categories that fit, of 10,595; and the hand-made mapping of our own labels to them.

The taxonomy is Shopify's (MIT License, Copyright (c) Shopify); the licence stands in the artifact's manifest.
"""
