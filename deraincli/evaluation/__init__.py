"""Scores restored pictures against their ground truth."""
