"""What was modified since: windows, the memory of the overlap, checkpoints."""
