"""Names, files and model cards of the models that ship or can be fetched."""
