"""The weights of R, G and B in grey."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B after ITU-R BT.601.

`imaging.colour` repeats them, because `imaging` and `models` do not import each other.
"""
