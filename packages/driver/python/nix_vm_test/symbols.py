"""What a script finds in its namespace without importing it."""

from __future__ import annotations

import os
import re
import unittest
from typing import Any, Dict

from .conditions import PollingCondition, polling_condition
from .debugger import Debug
from .driver import Driver, VLan
from .errors import CommandTimedOut, MachineError, PollingConditionError, RequestedAssertionFailed
from .machine import Checkpoint, Machine
from .retrying import retry


class _Assertions(unittest.TestCase):
    """`t`: unittest's assertions, which fail as the script's own do."""

    failureException = RequestedAssertionFailed
    maxDiff = None


def identifier(name: str) -> str:
    """A machine's name as a variable."""
    return re.sub(r"[^0-9A-Za-z_]", "_", name)


def symbols_of(driver: Driver) -> Dict[str, Any]:
    """The namespace of a script."""
    symbols: Dict[str, Any] = {}
    if len(driver.machines) == 1:
        symbols["machine"] = symbols["vm"] = driver.machines[0]
    symbols.update((identifier(machine.name), machine) for machine in driver.machines)
    symbols.update((f"vlan{vlan.nr}", vlan) for vlan in driver.vlans)
    symbols.update(
        driver=driver,
        machines=driver.machines,
        machines_qemu=driver.machines_qemu,
        machines_nspawn=driver.machines_nspawn,
        vlans=driver.vlans,
        start_all=driver.start_all,
        join_all=driver.join_all,
        test_script=driver.test_script,
        run_tests=driver.run_tests,
        create_machine=driver.create_machine,
        dump_machine_ssh=driver.dump_machine_ssh,
        subtest=driver.subtest,
        serial_stdout_on=driver.serial_stdout_on,
        serial_stdout_off=driver.serial_stdout_off,
        retry=retry,
        polling_condition=polling_condition,
        log=driver.log,
        debug=Debug(driver.log),
        t=_Assertions(),
        os=os,
        Machine=Machine,
        BaseMachine=Machine,
        QemuMachine=Machine,
        Driver=Driver,
        VLan=VLan,
        Checkpoint=Checkpoint,
        PollingCondition=PollingCondition,
        RequestedAssertionFailed=RequestedAssertionFailed,
        CommandTimedOut=CommandTimedOut,
        MachineError=MachineError,
        PollingConditionError=PollingConditionError,
    )
    return symbols
