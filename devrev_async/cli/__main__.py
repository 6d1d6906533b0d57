"""`python -m devrev_async.cli` is the command, too."""

import sys

from . import main

sys.exit(main())
