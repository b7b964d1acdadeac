"""Attention maps as pictures, and scores of how well they find the rain."""
