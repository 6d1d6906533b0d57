"""Bytes to Structs, or to errors. Pure: no I/O, no clock."""
