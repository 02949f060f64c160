"""`log`: lines of the report."""

from __future__ import annotations

import contextlib
import sys
from typing import Callable, ContextManager, Dict, Iterator, Optional

from .bridge import Bridge
from .errors import BridgeError

Attributes = Optional[Dict[str, str]]


class Log:
    def __init__(self, bridge: Bridge, on_failed_subtest: Callable[[Exception], bool]) -> None:
        self._bridge = bridge
        #: Hears why a subtest failed; true when the test goes on nevertheless.
        self._on_failed_subtest = on_failed_subtest

    def _write(self, level: str, message: str, attributes: Attributes = None) -> None:
        machine = (attributes or {}).get("machine")
        self._bridge.call("log", {"level": level, "text": str(message), "machine": machine})

    def log(self, message: str, attributes: Attributes = None) -> None:
        self._write("info", message, attributes)

    def info(self, message: str, attributes: Attributes = None) -> None:
        self._write("info", message, attributes)

    def debug(self, message: str, attributes: Attributes = None) -> None:
        self._write("debug", message, attributes)

    def warning(self, message: str, attributes: Attributes = None) -> None:
        self._write("warning", message, attributes)

    def error(self, message: str, attributes: Attributes = None) -> None:
        """Writes the line and ends the test as failed."""
        self._write("error", message, attributes)
        sys.exit(1)

    def log_test_error(self, message: str, attributes: Attributes = None) -> None:
        self._write("error", message, attributes)

    def nested(self, message: str, attributes: Attributes = None) -> ContextManager[None]:
        """Groups what the block does under one title."""
        return self._bridge.step("nested", message, (attributes or {}).get("machine"))

    @contextlib.contextmanager
    def subtest(self, name: str, attributes: Attributes = None) -> Iterator[None]:
        """A named part of the test: a group in the report, a case in JUnit."""
        try:
            with self._bridge.step("subtest", name):
                yield
        except Exception as error:
            self._write("error", f'Test "{name}" failed with error: "{error}"')
            if isinstance(error, BridgeError) or not self._on_failed_subtest(error):
                raise
