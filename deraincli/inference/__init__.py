"""Restores pictures of any size: plans tiles, runs them through a network and blends the results."""
