"""A machine's QEMU: its monitors and what they change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Callable, Dict, NoReturn, Optional

from .base import MachineBase
from .conditions import check_conditions
from .durations import Duration, seconds_of
from .errors import MachineError

Event = Dict[str, Any]

#: NixOS' driver gives events of QEMU less time than other waits.
EVENT_TIMEOUT = timedelta(minutes=10)


class QmpClient:
    """A machine's `qmp_client`."""

    def __init__(self, machine: MonitorMethods) -> None:
        self._machine = machine

    def send(self, cmd: str, args: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Runs a command of QEMU's machine protocol; gives its answer as QEMU sends it."""
        return {"return": self._machine._call("qmp", command=cmd, arguments=args or {}).value}


class MonitorMethods(MachineBase):
    @property
    def qmp_client(self) -> QmpClient:
        """QEMU's machine protocol."""
        return QmpClient(self)

    def send_monitor_command(self, command: str) -> str:
        """Runs a command of QEMU's monitor for people and gives what it says."""
        check_conditions()
        return self._call("sendMonitorCommand", command=command).value

    def wait_for_qmp_event(
        self, event_filter: Callable[[Event], bool], timeout: Duration = EVENT_TIMEOUT
    ) -> Event:
        """Waits for an event of QEMU's that the filter takes; those before it are dropped."""
        check_conditions()
        return self._call(
            "waitForQmpEvent",
            reply=lambda event, _: bool(event_filter(event)),
            timeout=seconds_of(timeout),
        ).value

    def block(self) -> None:
        """Unplugs the machine from the test's networks."""
        self._call("block")

    def unblock(self) -> None:
        """Plugs the machine in again."""
        self._call("unblock")

    # What only NixOS' own machines have

    def _only_nixos(self, what: str, instead: str) -> NoReturn:
        raise MachineError(f"{self.name}: {what}; {instead}")

    def switch_root(self) -> NoReturn:
        """Of guests that stop in their initrd for the test; others have switched when they are ready."""
        self._only_nixos("the guest has left its initrd before the test gets it", "nothing is to be done here")

    def _no_efi_variables(self) -> NoReturn:
        self._only_nixos("its firmware keeps no EFI variables on the host", "read them in the guest with efivar")

    def create_efi_vars(self) -> NoReturn:
        """Of machines with an EFI variable store that the test made."""
        self._no_efi_variables()

    def read_efi_vars(self) -> NoReturn:
        """Of machines with an EFI variable store that the test made."""
        self._no_efi_variables()

    def write_efi_vars(self, *_: Any) -> NoReturn:
        """Of machines with an EFI variable store that the test made."""
        self._no_efi_variables()

    def dump_efi_vars(self) -> NoReturn:
        """Of machines with an EFI variable store that the test made."""
        self._no_efi_variables()

    def ssh_backdoor_command(self, index: int = 1) -> NoReturn:
        """Of machines with NixOS' SSH backdoor."""
        self._only_nixos("it has no SSH backdoor", "shell_interact() gives a shell")
