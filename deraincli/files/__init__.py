"""Finds pictures in folders, and writes files so that nothing is lost."""
