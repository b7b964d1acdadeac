"""Synthetic rain."""
