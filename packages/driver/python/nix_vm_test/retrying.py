"""`retry`: calls a function until it says that it is done."""

from __future__ import annotations

import time
from typing import Callable, Optional

from .deprecations import deprecated
from .durations import DEFAULT_TIMEOUT, Duration, seconds_of
from .errors import RequestedAssertionFailed

#: Between two calls; NixOS' driver sleeps a second.
INTERVAL_SECONDS = 0.05


def retry(
    fn: Callable[[bool], bool],
    timeout_seconds: Optional[Duration] = None,
    timeout: Optional[Duration] = None,
) -> None:
    """Calls `fn(False)` until it is true; after the deadline once more `fn(True)`, which may tell what it sees."""
    if timeout_seconds is not None:
        deprecated("retry(timeout_seconds=…) is an old form: give timeout=timedelta(seconds=…)")
    given = timeout if timeout is not None else timeout_seconds
    limit = seconds_of(DEFAULT_TIMEOUT if given is None else given)
    begin = time.monotonic()
    while True:
        if fn(False):
            return
        if time.monotonic() - begin >= limit:
            break
        time.sleep(INTERVAL_SECONDS)
    elapsed = time.monotonic() - begin
    if not fn(True):
        raise RequestedAssertionFailed(f"action timed out after {elapsed:.2f} seconds (timeout={limit:g})")
