"""Keyword arguments to JSON bodies. Pure: no I/O."""
