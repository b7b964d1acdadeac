"""Baseline networks, one file each."""
