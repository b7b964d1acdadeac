"""`derain bench`: how large, how fast, how much memory, on this machine, against what."""
