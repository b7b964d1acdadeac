"""Scoring restored pictures against their ground truth."""
