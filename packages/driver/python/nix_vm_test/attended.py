"""Scripts with a person at the terminal: a console in place of the script, or one where the script has failed."""

from __future__ import annotations

import builtins
import sys
from typing import Any, Dict, List

from .bridge import Bridge
from .script import Failure, Script
from .terminal_console import Console, make_console
from .tracebacks import innermost_locals


def _banner(symbols: Dict[str, Any]) -> str:
    names = ", ".join(machine.name for machine in symbols["machines"])
    return (
        f"machines: {names}\n"
        "start_all() starts them all, test_script() runs the test as its file is now, join_all() waits for their end;\n"
        "Tab completes, Ctrl-C stops what runs, Ctrl-D ends the session and the machines."
    )


class Attended:
    """One session. `when` is `always` for a console at once, `failure` for one after a failed script."""

    def __init__(self, bridge: Bridge, when: str, folder: str) -> None:
        self._when = when
        self._console: Console = make_console(folder)
        # The driver has the other stream: what is written there comes back in order, but later.
        sys.stderr = sys.stdout
        bridge.show = self._console.show

    def run(self, script: Script, symbols: Dict[str, Any]) -> List[Failure]:
        """Runs the session; gives what failed in the script."""
        if self._when == "always":
            symbols.update({"__name__": "__main__", "__file__": script.file, "__builtins__": builtins})
            self._console.interact(symbols, _banner(symbols))
            return []
        failures = script.run(symbols)
        if script.error is not None:
            lines = "".join(f"!!! {line}\n" for line in failures[-1]["lines"])
            stop = "The machines run on. Look around; Ctrl-D ends the test."
            self._console.interact({**symbols, **innermost_locals(script.error.__traceback__)}, f"{lines}{stop}")
        return failures
