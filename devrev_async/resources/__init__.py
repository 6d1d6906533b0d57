"""The resources of the API, one module each: one line per endpoint."""
