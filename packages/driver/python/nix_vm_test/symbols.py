"""What a script finds in its namespace without importing it."""

from __future__ import annotations

import os
import re
import unittest
from typing import Any, Callable, Dict, Sequence

from .bridge import Bridge
from .conditions import PollingCondition, polling_condition
from .errors import CommandTimedOut, MachineError, PollingConditionError, RequestedAssertionFailed
from .log import Log
from .machine import Checkpoint, Machine
from .retrying import retry


class _Assertions(unittest.TestCase):
    """`t`: unittest's assertions, which fail as the script's own do."""

    failureException = RequestedAssertionFailed
    maxDiff = None


def identifier(name: str) -> str:
    """A machine's name as a variable."""
    return re.sub(r"[^0-9A-Za-z_]", "_", name)


def symbols_of(bridge: Bridge, names: Sequence[str], test_script: Callable[[], None]) -> Dict[str, Any]:
    """The namespace of a script on the machines of these names."""
    machines = [Machine(bridge, name) for name in names]
    log = Log(bridge)

    def start_all() -> None:
        """Starts all machines; waits until they are ready."""
        bridge.call("startAll")

    def join_all() -> None:
        """Waits until all machines have ended."""
        for machine in machines:
            machine.wait_for_shutdown()

    def serial_stdout(shown: bool) -> Callable[[], None]:
        def switch() -> None:
            bridge.call("serialStdout", {"shown": shown})

        return switch

    symbols: Dict[str, Any] = {}
    if len(machines) == 1:
        symbols["machine"] = symbols["vm"] = machines[0]
    symbols.update((identifier(machine.name), machine) for machine in machines)
    symbols.update(
        machines=machines,
        start_all=start_all,
        join_all=join_all,
        test_script=test_script,
        run_tests=test_script,
        subtest=log.subtest,
        retry=retry,
        polling_condition=polling_condition,
        log=log,
        t=_Assertions(),
        os=os,
        serial_stdout_on=serial_stdout(True),
        serial_stdout_off=serial_stdout(False),
        Machine=Machine,
        Checkpoint=Checkpoint,
        PollingCondition=PollingCondition,
        RequestedAssertionFailed=RequestedAssertionFailed,
        CommandTimedOut=CommandTimedOut,
        MachineError=MachineError,
        PollingConditionError=PollingConditionError,
    )
    return symbols
