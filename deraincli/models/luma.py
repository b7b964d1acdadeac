"""The weights of R, G and B in grey."""

LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601. `imaging.colour` repeats them, because images and networks do not import each other."""
