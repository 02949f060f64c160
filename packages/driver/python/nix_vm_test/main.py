"""Started by the driver, with this end of the bridge as descriptor 3."""

from __future__ import annotations

import os
import platform
import socket
import threading

from .attended import Attended
from .bridge import Bridge
from .deprecations import report_warnings
from .driver import Driver
from .errors import BridgeError
from .log import Log
from .script import Script, load_script
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
    loaded = load_script(**order["script"])
    if isinstance(loaded, dict):
        bridge.send({"type": "loaded", "failure": loaded})
        return
    script: Script = loaded
    bridge.send({"type": "loaded", "failure": None})
    session = order.get("session")
    attended = None if session is None else Attended(bridge, **session)
    # The machines are there.
    bridge.receive()
    threading.Thread(target=bridge.serve, name="bridge", daemon=True).start()
    keeps_going = order["keepGoing"]
    log = Log(bridge, script.go_on if keeps_going else lambda _: False)
    report_warnings(log.warning)

    def test_script() -> None:
        if attended is not None:
            script.read_again()
        script.execute(symbols)

    driver = Driver(bridge, log, order["machines"], order["vlans"], test_script)
    symbols = symbols_of(driver)
    failures = script.run(symbols) if attended is None else attended.run(script, symbols)
    main_thread = threading.main_thread()
    left = [thread.name for thread in threading.enumerate() if thread is not main_thread and not thread.daemon]
    bridge.send({"type": "finished", "failures": failures, "threads": left})
    # The verdict is told: threads that the script left running must not keep the test.
    os._exit(0)
