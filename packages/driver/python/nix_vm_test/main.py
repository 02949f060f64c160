"""Started by the driver, with this end of the bridge as descriptor 3."""

from __future__ import annotations

import os
import platform
import socket
import sys
import threading

from .bridge import Bridge
from .errors import BridgeError
from .script import load_script
from .symbols import symbols_of

BRIDGE_DESCRIPTOR = 3


def main() -> None:
    try:
        _serve_script()
    except (BridgeError, EOFError):
        os._exit(1)


def _serve_script() -> None:
    connection = socket.socket(fileno=BRIDGE_DESCRIPTOR)
    # Programs that the script starts must not hold the bridge open.
    connection.set_inheritable(False)
    bridge = Bridge(connection)
    bridge.send({"type": "hello", "python": platform.python_version()})
    order = bridge.receive()
    script = load_script(**order["script"])
    if isinstance(script, dict):
        bridge.send({"type": "loaded", "failure": script})
        return
    bridge.send({"type": "loaded", "failure": None})
    # The machines are there.
    bridge.receive()
    threading.Thread(target=bridge.serve, name="bridge", daemon=True).start()
    symbols = symbols_of(bridge, order["machines"], lambda: script.execute(symbols))
    failure = script.run(symbols)
    main_thread = threading.main_thread()
    left = [thread.name for thread in threading.enumerate() if thread is not main_thread and not thread.daemon]
    bridge.send({"type": "finished", "failure": failure, "threads": left})
    # The verdict is told: threads that the script left running must not keep the test.
    os._exit(0)
