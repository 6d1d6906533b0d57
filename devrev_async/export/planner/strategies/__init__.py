"""What to ask for next where nothing is proved yet: one module for each way."""
