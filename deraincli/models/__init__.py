"""Networks and classical methods, and their model files."""
