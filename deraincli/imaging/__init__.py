"""Decodes and encodes picture files, with their colours and metadata."""
