"""`driver`: all of a test's machines together, with the names that NixOS' driver has for them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable, ContextManager, List, Optional, Sequence

from .bridge import Bridge
from .conditions import polling_condition
from .log import Log
from .machine import Machine
from .retrying import retry


class VLan:
    """A network of the test that is known by its number."""

    def __init__(self, nr: int) -> None:
        self.nr = nr

    def __repr__(self) -> str:
        return f"<Vlan Nr. {self.nr}>"


class Driver:
    polling_condition = staticmethod(polling_condition)
    retry = staticmethod(retry)

    def __init__(
        self, bridge: Bridge, log: Log, names: Sequence[str], vlans: Sequence[int], test_script: Callable[[], None]
    ) -> None:
        self._bridge = bridge
        self.logger = self.log = log
        self.machines: List[Machine] = [Machine(bridge, name) for name in names]
        self.machines_qemu = self.machines
        #: Systems in namespaces of the host's, which this driver has none of.
        self.machines_nspawn: List[Any] = []
        self.vlans = [VLan(number) for number in vlans]
        self._test_script = test_script

    @property
    def out_dir(self) -> Path:
        """The run's output folder."""
        return self.machines[0].out_dir

    def start_all(self) -> None:
        """Starts all machines and waits until they are ready; tells of all that failed."""
        self._bridge.call("startAll")

    def join_all(self) -> None:
        """Waits until all machines have ended."""
        for machine in self.machines:
            machine.wait_for_shutdown()

    def test_script(self) -> None:
        """Runs the test's script."""
        self._test_script()

    run_tests = test_script

    def subtest(self, name: str) -> ContextManager[None]:
        """A named part of the test: a group in the report, a case in JUnit."""
        return self.log.subtest(name)

    def create_machine(
        self,
        start_command: Optional[str] = None,
        *,
        name: Optional[str] = None,
        keep_machine_state: bool = False,
        **spec: Any,
    ) -> Machine:
        """Adds a machine: by NixOS' start script, or by what a spec says of one, such as `image="debian:12"`."""
        if (start_command is None) == (not spec):
            raise TypeError('create_machine() needs a start command, or what a spec says of a machine: image="debian:12"')
        if start_command is not None:
            spec = {"startScript": start_command}
            found = re.search(r"run-(.+)-vm$", start_command)
            name = name or (found.group(1) if found else None)
        chosen = name or "machine"
        if any(machine.name == chosen for machine in self.machines):
            raise ValueError(f"there is a machine {chosen} already: give this one another name")
        self._bridge.call("createMachine", {"name": chosen, "spec": spec})
        machine = Machine(self._bridge, chosen)
        self.machines.append(machine)
        return machine

    def dump_machine_ssh(self, *_: Any) -> None:
        """Tells how to look into the machines."""
        for machine in self.machines:
            self.log.log(f"{machine.name}: it has no SSH backdoor; {machine.name}.shell_interact() gives a shell")

    def serial_stdout_on(self) -> None:
        """From now on the report shows what guests write to their consoles."""
        self._bridge.call("serialStdout", {"shown": True})

    def serial_stdout_off(self) -> None:
        """From now on it does not."""
        self._bridge.call("serialStdout", {"shown": False})
