"""Grounds on which an interval is complete: one module each, what it takes for granted in its docstring."""
