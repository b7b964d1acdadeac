"""Checks of the installation and of the results."""
