"""The connection to the driver: calls from any number of threads at once, each waiting for its own answer."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import queue
import socket
import threading
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

from .errors import BridgeError, CommandTimedOut, MachineError, RequestedAssertionFailed
from .frames import read_frame, write_frame

_ERRORS = {
    "assertion": RequestedAssertionFailed,
    "timeout": CommandTimedOut,
    "machine": MachineError,
    "type": TypeError,
    "value": ValueError,
}

#: The step of the report that the current code is a part of. Threads begin outside of any.
_current_step: contextvars.ContextVar[Optional[str]] = contextvars.ContextVar("current_step", default=None)


class Answer(NamedTuple):
    value: Any
    parts: List[bytes]


class Bridge:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._write_turn = threading.Lock()
        self._ids = itertools.count(1)
        self._waiting: Dict[int, queue.SimpleQueue] = {}
        self._closed = False

    def send(self, header: Dict[str, Any], parts: Sequence[bytes] = ()) -> None:
        with self._write_turn:
            try:
                write_frame(self._connection, header, parts)
            except OSError as error:
                raise BridgeError("the driver is gone") from error

    def receive(self) -> Dict[str, Any]:
        """The next frame, before `serve` reads them."""
        return read_frame(self._connection)[0]

    def serve(self) -> None:
        """Hands answers to those who wait for them, until the driver closes the connection."""
        try:
            while True:
                header, parts = read_frame(self._connection)
                waiting = self._waiting.pop(header.get("id", 0), None)
                if waiting is not None:
                    waiting.put((header, parts))
        except (EOFError, OSError, ValueError):
            self._closed = True
            for waiting in list(self._waiting.values()):
                waiting.put(None)

    def call(self, operation: str, args: Optional[Dict[str, Any]] = None, parts: Sequence[bytes] = ()) -> Answer:
        """Has the driver do something and waits for it."""
        number = next(self._ids)
        waiting: queue.SimpleQueue = queue.SimpleQueue()
        self._waiting[number] = waiting
        header: Dict[str, Any] = {"type": "call", "id": number, "operation": operation, "args": args or {}}
        step = _current_step.get()
        if step is not None:
            header["step"] = step
        if self._closed:
            raise BridgeError("the driver is gone")
        self.send(header, parts)
        received = waiting.get()
        if received is None:
            raise BridgeError("the driver is gone")
        header, answered = received
        if header["type"] == "error":
            raise _error_of(header)
        return Answer(header.get("value"), answered)

    @contextlib.contextmanager
    def step(self, kind: str, title: str, machine: Optional[str] = None) -> Iterator[None]:
        """Makes what the block does one step of the report."""
        step = self.call("step.open", {"kind": kind, "title": title, "machine": machine}).value
        token = _current_step.set(step)
        try:
            yield
        except BaseException as error:
            _current_step.reset(token)
            self.call("step.close", {"step": step, "failure": str(error) or type(error).__name__})
            raise
        else:
            _current_step.reset(token)
            self.call("step.close", {"step": step, "failure": None})


def _error_of(header: Dict[str, Any]) -> Exception:
    error = _ERRORS.get(header["kind"], BridgeError)(header["message"])
    if isinstance(error, (RequestedAssertionFailed, MachineError)):
        error.failure = header.get("failure")
    return error
