"""The complete export of works: which requests make it, and what proves it complete."""
