"""Data sets on disk, pairs of rainy and clean pictures, and batches of crops."""
