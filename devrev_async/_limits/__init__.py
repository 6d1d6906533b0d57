"""Decides when a request may be sent: concurrency, quota, retries. Imports no HTTP client."""
