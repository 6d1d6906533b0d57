"""JSON as text: what RFC 8259 allows beyond msgspec's decoder, and what msgspec's error messages mean. Pure."""
