"""What a script finds in its namespace without importing it."""

from __future__ import annotations

import re
from typing import Any, ContextManager, Dict, Sequence

from .bridge import Bridge
from .machine import Machine


def _identifier(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z_]", "_", name)


def symbols_of(bridge: Bridge, names: Sequence[str]) -> Dict[str, Any]:
    """The namespace of a script on the machines of these names."""
    machines = [Machine(bridge, name) for name in names]

    def start_all() -> None:
        """Starts all machines and waits until they are ready."""
        bridge.call("startAll")

    def subtest(name: str) -> ContextManager[None]:
        """A named part of the test."""
        return bridge.step("subtest", name)

    symbols: Dict[str, Any] = {_identifier(machine.name): machine for machine in machines}
    if len(machines) == 1:
        symbols["machine"] = symbols["vm"] = machines[0]
    symbols.update(machines=machines, start_all=start_all, subtest=subtest)
    return symbols
