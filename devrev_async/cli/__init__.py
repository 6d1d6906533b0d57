"""The command `devrev-async`: the client's public surface, for a shell.

Data goes to stdout, all else to stderr. It needs the extra ``[cli]``; without it, the command says so and ends.
"""

from __future__ import annotations

import sys

from .signals import handler

__all__ = ["main"]

_EXTRA = ("typer", "rich")


def main(args: list[str] | None = None) -> int:
    """Runs the command and returns its exit code (`devrev_async.cli.codes.Code`).

    Args:
        args: what stands behind the command's name; None takes it from the process, whose signals it then handles to
            its end.
    """
    with handler.handled(restore=args is not None):
        try:
            if args is None:
                from .process import spare_memory  # noqa: PLC0415 - as below

                spare_memory()
            # Here, and not above: the extra may be missing, and a signal may come while it loads.
            from .app import run_app  # noqa: PLC0415

            return run_app(sys.argv[1:] if args is None else args)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] not in _EXTRA:
                raise
            sys.stderr.write("error: the command needs its extra: pip install 'devrev-async[cli]'\n")
            return 1
        except KeyboardInterrupt:
            return handler.code  # of a thread that handles no signals
