"""What all methods of a machine are made of: its name, and calls to the driver."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Tuple

from .bridge import Answer, Bridge, Reply
from .errors import MachineError
from .suggestions import suggestion


class MachineBase:
    def __init__(self, bridge: Bridge, name: str) -> None:
        self._bridge = bridge
        self.name = name

    def __repr__(self) -> str:
        return f"<Machine {self.name}>"

    if not TYPE_CHECKING:  # checkers would take any name for one that is there

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(f"machine {self.name} has no '{name}'{suggestion(name, dir(type(self)))}")

    def _call(
        self, operation: str, parts: Tuple[bytes, ...] = (), reply: Optional[Reply] = None, **args: Any
    ) -> Answer:
        return self._bridge.call(operation, {"machine": self.name, **args}, parts, reply)

    def _folder(self, which: str) -> Path:
        folder = self._call("folders").value[which]
        if folder is None:
            raise MachineError(f'{self.name} has no folder in common with the host: give it "exchange": true')
        return Path(folder)

    @property
    def out_dir(self) -> Path:
        """The run's output folder on the host."""
        return self._folder("output")

    @property
    def state_dir(self) -> Path:
        """The folder on the host that has the machine's disk and sockets while the test runs."""
        return self._folder("state")

    @property
    def shared_dir(self) -> Path:
        """The folder on the host that all guests have at `/tmp/shared`."""
        return self._folder("shared")
