"""The person at the terminal, in the midst of a script."""

from __future__ import annotations

from typing import Optional

from .base import MachineBase


class TerminalMethods(MachineBase):
    def shell_interact(self, address: Optional[str] = None) -> None:
        """Opens a root shell at the terminal of who runs the test, until it ends."""
        if address is not None:
            raise TypeError("shell_interact() has no address here: the shell is at the terminal of who runs the test")
        self._call("shell")
