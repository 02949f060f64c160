"""A machine of the test: NixOS' method names over the driver's operations."""

from __future__ import annotations

from typing import Any, ContextManager, Dict, Mapping, Optional, Tuple, Union

from .bridge import Answer
from .conditions import check_conditions
from .console import ConsoleMethods
from .deprecations import deprecated
from .durations import DEFAULT_TIMEOUT, Duration, optional_seconds, seconds_of
from .monitor import MonitorMethods
from .terminal import TerminalMethods

Text = Union[str, bytes]


def _decode(output: bytes) -> str:
    return output.decode("utf-8", errors="replace")


class Checkpoint:
    """A machine's state of one instant, for `restore`."""

    def __init__(self, machine: str, number: int) -> None:
        self.machine = machine
        self.number = number


class Machine(ConsoleMethods, TerminalMethods, MonitorMethods):
    """One machine. Its methods may be called from several threads at once."""

    def _command(
        self,
        operation: str,
        command: str,
        timeout: Optional[Duration],
        stdin: Optional[Text],
        env: Optional[Mapping[str, str]],
        cwd: Optional[str],
        user: Optional[str],
    ) -> Answer:
        check_conditions()
        parts = () if stdin is None else (stdin.encode() if isinstance(stdin, str) else bytes(stdin),)
        return self._call(
            operation,
            parts,
            command=command,
            timeout=optional_seconds(timeout),
            env=None if env is None else dict(env),
            cwd=cwd,
            user=user,
        )

    # Commands

    def execute(
        self,
        command: str,
        check_return: bool = True,
        check_output: bool = True,
        timeout: Optional[Duration] = DEFAULT_TIMEOUT,
        *,
        stdin: Optional[Text] = None,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[str] = None,
        user: Optional[str] = None,
        text: bool = True,
    ) -> Tuple[int, Any]:
        """Runs a shell command and gives its exit status and stdout. A time-out is status 124.

        Without `check_return` the status is -1; without `check_output` the command is only started: `(-2, "")`.
        """
        if not check_output:
            self._command("launch", command, None, stdin, env, cwd, user)
            return -2, "" if text else b""
        answer = self._command("execute", command, timeout, stdin, env, cwd, user)
        status = answer.value if check_return else -1
        return status, _decode(answer.parts[0]) if text else answer.parts[0]

    def succeed(
        self,
        *commands: str,
        timeout: Optional[Duration] = None,
        stdin: Optional[Text] = None,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[str] = None,
        user: Optional[str] = None,
    ) -> str:
        """Runs commands that must succeed, one after the other, and gives all their stdout."""
        return "".join(
            self._command("succeed", command, timeout, stdin, env, cwd, user).value for command in commands
        )

    def fail(
        self,
        *commands: str,
        timeout: Optional[Duration] = None,
        stdin: Optional[Text] = None,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[str] = None,
        user: Optional[str] = None,
    ) -> str:
        """Runs commands that must fail, one after the other, and gives all their stdout."""
        return "".join(self._command("fail", command, timeout, stdin, env, cwd, user).value for command in commands)

    def wait_until_succeeds(self, command: str, timeout: Duration = DEFAULT_TIMEOUT) -> str:
        """Runs a command again and again until it succeeds; gives its last stdout."""
        return self._command("waitUntilSucceeds", command, timeout, None, None, None, None).value

    def wait_until_fails(self, command: str, timeout: Duration = DEFAULT_TIMEOUT) -> str:
        """Runs a command again and again until it fails; gives its last stdout."""
        return self._command("waitUntilFails", command, timeout, None, None, None, None).value

    def sleep(self, secs: Optional[Duration] = None, duration: Optional[Duration] = None) -> None:
        """Sleeps by the guest's own clock."""
        given = secs if duration is None else duration
        if given is None:
            raise TypeError("sleep() needs a duration")
        self.succeed(f"sleep {seconds_of(given):g}")

    # Units

    def systemctl(self, q: str, user: Optional[str] = None) -> Tuple[int, str]:
        """Runs `systemctl Q` and gives its status and stdout."""
        answer = self._call("systemctl", query=q, user=user)
        return answer.value, _decode(answer.parts[0])

    def wait_for_unit(self, unit: str, user: Optional[str] = None, timeout: Duration = DEFAULT_TIMEOUT) -> None:
        """Waits until a unit is active; ends early when it can't become so."""
        check_conditions()
        self._call("waitForUnit", unit=unit, user=user, timeout=seconds_of(timeout))

    def get_unit_info(self, unit: str, user: Optional[str] = None) -> Dict[str, str]:
        """All properties of a unit."""
        return self._call("getUnitInfo", unit=unit, user=user).value

    def get_unit_property(self, unit: str, property: str, user: Optional[str] = None) -> str:
        """One property of a unit."""
        return self._call("getUnitProperty", unit=unit, property=property, user=user).value

    def require_unit_state(self, unit: str, require_state: str = "active") -> None:
        """Fails unless a unit is in the given state right now."""
        self._call("requireUnitState", unit=unit, state=require_state)

    def start_job(self, jobname: str, user: Optional[str] = None) -> Tuple[int, str]:
        """Starts a unit; gives systemctl's status and stdout."""
        return self.systemctl(f"start {jobname}", user)

    def stop_job(self, jobname: str, user: Optional[str] = None) -> Tuple[int, str]:
        """Stops a unit; gives systemctl's status and stdout."""
        return self.systemctl(f"stop {jobname}", user)

    # Files, ports, sockets

    def wait_for_file(self, filename: str, timeout: Duration = DEFAULT_TIMEOUT) -> None:
        """Waits until a path exists."""
        check_conditions()
        self._call("waitForFile", path=filename, timeout=seconds_of(timeout))

    def wait_for_open_port(
        self, port: int, addr: str = "localhost", timeout: Duration = DEFAULT_TIMEOUT
    ) -> None:
        """Waits until a TCP port accepts connections."""
        check_conditions()
        self._call("waitForOpenPort", port=port, address=addr, timeout=seconds_of(timeout))

    def wait_for_closed_port(
        self, port: int, addr: str = "localhost", timeout: Duration = DEFAULT_TIMEOUT
    ) -> None:
        """Waits until nothing accepts connections on a TCP port."""
        check_conditions()
        self._call("waitForClosedPort", port=port, address=addr, timeout=seconds_of(timeout))

    def wait_for_open_unix_socket(
        self, addr: str, is_datagram: bool = False, timeout: Duration = DEFAULT_TIMEOUT
    ) -> None:
        """Waits until a Unix socket accepts."""
        check_conditions()
        self._call("waitForOpenUnixSocket", path=addr, datagram=is_datagram, timeout=seconds_of(timeout))

    # Copies

    def copy_from_host(self, source: str, target: str) -> None:
        """Copies a file or tree of the host to `target` in the guest, or into it where it is a folder. Any size, with no share."""
        self._call("copyFromHost", source=str(source), target=str(target), intoFolder=True)

    def copy_from_host_via_shell(self, source: str, target: str) -> None:
        """Copies a file of the host to `target` in the guest, which names the copy itself. Any size."""
        self._call("copyFromHost", source=str(source), target=str(target), intoFolder=False)

    def copy_from_machine(self, source: str, target_dir: str = "") -> None:
        """Copies a file or tree of the guest into the output folder, below `target_dir`."""
        self._call("copyFromMachine", source=str(source), targetDirectory=str(target_dir))

    def copy_from_vm(self, source: str, target_dir: str = "") -> None:
        """An old name of `copy_from_machine`."""
        deprecated("copy_from_vm is an old name: call copy_from_machine")
        self.copy_from_machine(source, target_dir)

    # Life cycle

    def start(self, allow_reboot: bool = False) -> None:
        """Starts the machine; commands wait until it is ready. Does nothing when it runs."""
        self._call("begin")

    def connect(self) -> None:
        """Waits until the machine is ready; starts it when it was never started."""
        self._call("start")

    def shutdown(self) -> None:
        """Shuts the guest down and waits for its end."""
        self._call("shutdown")

    def crash(self) -> None:
        """Ends the machine as a power cut would."""
        self._call("crash")

    def reboot(self) -> None:
        """Reboots the guest and waits until it is ready again."""
        self._call("reboot")

    def wait_for_shutdown(self, timeout: Optional[Duration] = None) -> None:
        """Waits until the machine has ended. No limit but the test's own, unless given."""
        self._call("waitForShutdown", timeout=optional_seconds(timeout))

    def is_up(self) -> bool:
        """Whether the guest runs and answers."""
        return self._call("isUp").value

    @property
    def booted(self) -> bool:
        """Whether the machine is started."""
        return self._call("isUp").value

    @property
    def connected(self) -> bool:
        """Whether the guest answers."""
        return self._call("isUp").value

    def checkpoint(self) -> Checkpoint:
        """Keeps the machine's state of this instant, memory and disks."""
        return Checkpoint(self.name, self._call("checkpoint").value)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Puts the machine back to a checkpoint, as often as you like."""
        self._call("restore", checkpoint=checkpoint.number)

    def forward_port(self, host_port: int = 8080, guest_port: int = 80) -> int:
        """Makes a port of the guest reachable on the host's loopback; gives the host's port (0 asks for a free one)."""
        return self._call("forwardPort", hostPort=host_port, guestPort=guest_port).value

    def release(self) -> None:
        """Ends the machine at once."""
        self._call("crash")

    # The report

    def log(self, msg: str) -> None:
        """Writes a line to the report."""
        self._bridge.call("log", {"level": "info", "text": str(msg), "machine": self.name})

    def nested(self, msg: str, attrs: Optional[Dict[str, str]] = None) -> ContextManager[None]:
        """Groups what the block does under one title in the report."""
        return self._bridge.step("nested", msg, self.name)
