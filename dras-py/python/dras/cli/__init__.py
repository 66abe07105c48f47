"""The console script ``dras``. It needs ``pip install 'dras[cli]'``; the library does not."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Runs the console script with the arguments of the process."""
    try:
        _run()
    except KeyboardInterrupt:
        # So early, or so late, that nobody else sees it.
        sys.exit(130)


def _run() -> None:
    try:
        from ._program import program
    except ModuleNotFoundError as error:
        if error.name not in ("click", "yaml"):
            raise
        print(f"dras: the command line needs the package `{error.name}`: run  pip install 'dras[cli]'", file=sys.stderr)
        sys.exit(2)
    program(prog_name="dras")
