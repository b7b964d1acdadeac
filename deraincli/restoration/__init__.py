"""Restoring pictures with a loaded model."""
