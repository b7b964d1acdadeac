"""The models that ship or can be fetched: names, files, cards."""
