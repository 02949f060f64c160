"""Warnings about old ways to say things: each is told once."""

from __future__ import annotations

import warnings
from typing import Any, Callable, Set


class Deprecated(DeprecationWarning):
    """An old name or form, which goes on to work."""


_told: Set[str] = set()


def deprecated(message: str) -> None:
    """Warns of an old form that the script uses, once."""
    if message not in _told:
        _told.add(message)
        warnings.warn(message, Deprecated, stacklevel=3)


def report_warnings(write: Callable[[str], None]) -> None:
    """From now on warnings are lines of the report."""

    def show(message: Any, category: Any, *_: Any, **__: Any) -> None:
        write(f"??? Warning ({category.__name__}): {message}")

    warnings.filterwarnings("always", category=Deprecated)
    warnings.showwarning = show
