"""A second torch device, in Python, for machines without a GPU."""
