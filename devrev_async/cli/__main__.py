"""`python -m devrev_async.cli` is the command, too."""

import sys

from devrev_async.cli import main

sys.exit(main())
