"""Async-first client for the DevRev works API."""
