"""A machine of the test: NixOS' method names over the driver's operations."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Tuple, Union

from .bridge import Answer, Bridge
from .durations import DEFAULT_TIMEOUT, Duration, optional_seconds

Text = Union[str, bytes]


def _decode(output: bytes) -> str:
    return output.decode("utf-8", errors="replace")


class Machine:
    def __init__(self, bridge: Bridge, name: str) -> None:
        self._bridge = bridge
        self.name = name

    def __repr__(self) -> str:
        return f"<Machine {self.name}>"

    def _call(self, operation: str, parts: Tuple[bytes, ...] = (), **args: Any) -> Answer:
        return self._bridge.call(operation, {"machine": self.name, **args}, parts)

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
        """Runs a shell command and gives its exit status and stdout; a time-out is status 124."""
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
