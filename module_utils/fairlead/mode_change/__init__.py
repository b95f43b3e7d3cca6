"""Changing the mode of a live node: the guard that runs on the node, and what it needs."""
