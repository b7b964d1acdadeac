"""Restores pictures with a loaded model."""
