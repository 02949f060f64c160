"""Polling conditions: what has to hold while a part of the test runs."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any, Callable, List, Optional

from .deprecations import deprecated
from .durations import DEFAULT_TIMEOUT, Duration, seconds_of
from .errors import PollingConditionError, RequestedAssertionFailed
from .retrying import retry

Condition = Callable[[], Optional[bool]]

_here = threading.local()


class PollingCondition:
    """Made by `polling_condition`; held by `with`, checked before whatever the block does with a machine."""

    def __init__(self, condition: Condition, interval: Duration, description: Optional[str]) -> None:
        self._condition = condition
        self._interval = seconds_of(interval)
        self.description = description or (condition.__doc__ or condition.__name__).strip()
        self._checked_at: Optional[float] = None

    def check(self, force: bool = False) -> bool:
        """Whether the condition holds; a check that is younger than the interval stands, unless forced."""
        now = time.monotonic()
        if not force and self._checked_at is not None and now - self._checked_at < self._interval:
            return True
        with _Suspended():
            try:
                held = self._condition()
            except Exception:  # noqa: BLE001 -- a condition that fails does not hold
                held = False
        self._checked_at = time.monotonic()
        return held is None or bool(held)

    def maybe_raise(self) -> None:
        if not self.check():
            raise PollingConditionError(f"Polling condition failed: {self.description}")

    def wait(self, timeout: Duration = DEFAULT_TIMEOUT) -> None:
        """Waits until the condition holds."""

        def holds(last: bool) -> bool:
            return self.check(force=True)

        try:
            retry(holds, timeout=timeout)
        except RequestedAssertionFailed as error:
            raise RequestedAssertionFailed(f"Polling condition {self.description}: {error}") from None

    def __enter__(self) -> PollingCondition:
        _held.append(self)
        return self

    def __exit__(self, *_: Any) -> None:
        _held.remove(self)


class _Suspended:
    """While a condition is looked at, its own commands check no conditions."""

    def __enter__(self) -> None:
        self._before = getattr(_here, "suspended", False)
        _here.suspended = True

    def __exit__(self, *_: Any) -> None:
        _here.suspended = self._before


#: Held by the main thread's blocks; they hold for all threads, as the machines are everybody's.
_held: List[PollingCondition] = []


def check_conditions() -> None:
    """Raises when a condition that is held does not hold."""
    if getattr(_here, "suspended", False):
        return
    for condition in list(_held):
        condition.maybe_raise()


def polling_condition(
    fun: Optional[Condition] = None,
    *,
    interval: Duration = timedelta(seconds=2),
    seconds_interval: Optional[Duration] = None,
    description: Optional[str] = None,
) -> Any:
    """Makes a function a condition: a decorator, with or without arguments."""
    if seconds_interval is not None:
        deprecated("polling_condition(seconds_interval=…) is an old form: give interval=timedelta(seconds=…)")
    every = interval if seconds_interval is None else seconds_interval

    def decorate(condition: Condition) -> PollingCondition:
        return PollingCondition(condition, every, description)

    return decorate if fun is None else decorate(fun)
