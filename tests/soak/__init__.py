"""Everything that goes wrong, all at once: ``python -m tests.soak --seconds 600``. Nothing may be left at the end."""
