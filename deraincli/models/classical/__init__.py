"""Classical methods, which use no network."""
