"""Pictures as files: decoding, encoding, colour, and which file becomes which."""
