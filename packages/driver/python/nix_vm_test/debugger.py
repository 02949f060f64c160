"""`debug`: a place of the script to stop at and look around."""

from __future__ import annotations

import pdb
import socket
import sys

from .log import Log


class _RemoteDebugger(pdb.Pdb):
    """Talks over a connection, which it closes when it is done."""

    def __init__(self, connection: socket.socket) -> None:
        # Two files: a common one would forget what it has read ahead at each write.
        self._files = (connection.makefile("r"), connection.makefile("w"))
        connection.close()
        super().__init__(stdin=self._files[0], stdout=self._files[1])
        self.use_rawinput = False

    def _hang_up(self) -> None:
        for file in self._files:
            file.close()

    def set_continue(self) -> None:
        super().set_continue()
        if not self.breaks:
            self._hang_up()

    def set_quit(self) -> None:
        super().set_quit()
        self._hang_up()


class Debug:
    def __init__(self, log: Log) -> None:
        self._log = log

    def breakpoint(self, host: str = "127.0.0.1", port: int = 4444) -> None:
        """Stops the script here until somebody who connects to the port lets it go on, in Python's debugger."""
        frame = sys._getframe(1)
        with socket.create_server((host, port)) as server:
            address = server.getsockname()
            self._log.log(f"the script waits in Python's debugger: nc {address[0]} {address[1]}")
            connection, _ = server.accept()
        _RemoteDebugger(connection).set_trace(frame)
