"""``python -m devrev_async`` is the command `devrev-async`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
