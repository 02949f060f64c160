"""`debug`: a place of the script to stop at and look around."""

from __future__ import annotations

import pdb
import socket
import sys

from .log import Log


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
        stream = connection.makefile("rw")
        pdb.Pdb(stdin=stream, stdout=stream).set_trace(frame)
