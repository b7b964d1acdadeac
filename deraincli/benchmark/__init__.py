"""Measures size, speed and memory of models on this machine, for `derain bench`."""
