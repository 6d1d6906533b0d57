"""``python -m tests.soak --seconds 600``: users of all kinds for so long, then what is left of them."""

import argparse
import asyncio
import sys

from tests.soak.run import soak

parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
parser.add_argument("--seconds", type=float, default=600.0)
parser.add_argument("--seed", type=int, default=7)
parser.add_argument("--users", type=int, default=12, help="at the same time")
args = parser.parse_args()
sys.exit(asyncio.run(soak(args.seconds, args.seed, args.users)))
