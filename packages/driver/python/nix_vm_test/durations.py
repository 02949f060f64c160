"""Durations as NixOS' test driver takes them: `timedelta`, or a number of seconds."""

from __future__ import annotations

from datetime import timedelta
from typing import Optional, Union

from .deprecations import deprecated

Duration = Union[timedelta, int, float]

#: Default of nearly all waits.
DEFAULT_TIMEOUT = timedelta(minutes=15)


def seconds_of(duration: Duration) -> float:
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if isinstance(duration, bool) or not isinstance(duration, (int, float)):
        raise TypeError(f"{duration!r} is no duration: give a timedelta or a number of seconds")
    deprecated("passing a bare int/float as a duration is deprecated: it is taken as seconds; give a timedelta")
    return float(duration)


def optional_seconds(duration: Optional[Duration]) -> Optional[float]:
    return None if duration is None else seconds_of(duration)
