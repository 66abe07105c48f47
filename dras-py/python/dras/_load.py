"""What is looked at before the native part is loaded."""

from __future__ import annotations

import sys


def refuse_subinterpreters() -> None:
    """Raises ``ImportError`` in a subinterpreter. From Python 3.12 on Python itself does so, as the native part says that it cannot be there; before,
    it would be loaded, and objects of one interpreter would turn up in another.
    """
    if sys.version_info >= (3, 12):
        return
    try:
        import _xxsubinterpreters as interpreters  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return
    if interpreters.get_current() != interpreters.get_main():
        raise ImportError("module dras._dras does not support loading in subinterpreters")
