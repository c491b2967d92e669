"""Fitting the models; each module makes one artifact."""
