"""The connection to the driver: calls from any number of threads at once, each waiting for its own answer."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import queue
import socket
import threading
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

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


#: Answers what the driver asks back while a call runs: such as where a regular expression matches, which only Python knows.
Reply = Callable[[Any, List[bytes]], Any]


class Bridge:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._write_turn = threading.Lock()
        self._ids = itertools.count(1)
        self._waiting: Dict[int, queue.SimpleQueue] = {}
        self._closed = False
        #: Takes lines of the report where this process has the terminal.
        self.show: Callable[[str], None] = lambda _: None

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
                if header["type"] == "show":
                    self.show(header["text"])
                    continue
                number = header.get("id", 0)
                waiting = self._waiting.get(number)
                if header["type"] != "ask":
                    self._waiting.pop(number, None)
                if waiting is not None:
                    waiting.put((header, parts))
        except (EOFError, OSError, ValueError):
            self._closed = True
            for waiting in list(self._waiting.values()):
                waiting.put(None)

    def call(
        self,
        operation: str,
        args: Optional[Dict[str, Any]] = None,
        parts: Sequence[bytes] = (),
        reply: Optional[Reply] = None,
    ) -> Answer:
        """Has the driver do something and waits for it. What ends the waiting, such as Ctrl-C, ends what the driver does."""
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
        try:
            header, answered = self._await_answer(waiting, reply)
        except BaseException:
            if self._waiting.pop(number, None) is not None and not self._closed:
                self.send({"type": "cancel", "id": number})
            raise
        if header["type"] == "error":
            raise _error_of(header)
        return Answer(header.get("value"), answered)

    def _await_answer(self, waiting: queue.SimpleQueue, reply: Optional[Reply]) -> Tuple[Dict[str, Any], List[bytes]]:
        """The call's end; questions before it are answered here, in the thread that called."""
        while True:
            received = waiting.get()
            if received is None:
                raise BridgeError("the driver is gone")
            header, parts = received
            if header["type"] != "ask" or reply is None:
                return header, parts
            self.send({"type": "answer", "question": header["question"], "value": reply(header.get("value"), parts)})

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
        error.evidence = {block["title"]: block["text"] for block in header.get("evidence", ())}
    return error
