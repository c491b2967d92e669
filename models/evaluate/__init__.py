"""Measuring the models beside their baselines, in one run."""
