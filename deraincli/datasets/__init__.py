"""Finds, reads and makes data sets of rainy and clean pictures."""
