"""Text that a machine shows: its serial console, its terminals, the titles of its windows."""

from __future__ import annotations

from typing import List, Optional, Union

from .base import MachineBase
from .conditions import check_conditions
from .durations import DEFAULT_TIMEOUT, Duration, optional_seconds, seconds_of
from .patterns import Regex, finder, shown_of

Tty = Union[str, int]


class ConsoleMethods(MachineBase):
    def wait_for_console_text(self, regex: Regex, timeout: Optional[Duration] = None) -> str:
        """Waits for text on the serial console that no earlier call has matched; gives the match. No limit unless given."""
        check_conditions()
        reply = finder(regex)
        return self._call(
            "waitForConsoleText", reply=reply, pattern=shown_of(regex), timeout=optional_seconds(timeout)
        ).value

    def get_console_log(self) -> str:
        """The serial console's text since the first boot."""
        return self._call("getConsoleLog").value

    def send_console(self, chars: str) -> None:
        """Types on the serial console."""
        self._call("sendConsole", text=chars)

    def get_tty_text(self, tty: Tty) -> str:
        """What stands on a virtual terminal: 1 is `/dev/tty1`."""
        return self._call("getTtyText", tty=str(tty)).value

    def wait_until_tty_matches(self, tty: Tty, regexp: Regex, timeout: Duration = DEFAULT_TIMEOUT) -> None:
        """Waits until the text on a virtual terminal matches."""
        check_conditions()
        self._call(
            "waitUntilTtyMatches",
            reply=finder(regexp),
            tty=str(tty),
            pattern=shown_of(regexp),
            timeout=seconds_of(timeout),
        )

    def dump_tty_contents(self, tty: Tty) -> None:
        """Writes what stands on a virtual terminal into the guest's journal."""
        self._call("dumpTtyContents", tty=str(tty))

    def wait_for_x(self, timeout: Duration = DEFAULT_TIMEOUT) -> None:
        """Waits until the guest's X server accepts."""
        check_conditions()
        self._call("waitForX", timeout=seconds_of(timeout))

    def get_window_names(self) -> List[str]:
        """The titles of all windows on the guest's X display."""
        return self._call("getWindowNames").value

    def wait_for_window(self, regexp: Regex, timeout: Duration = DEFAULT_TIMEOUT) -> None:
        """Waits until a window's title matches."""
        check_conditions()
        self._call("waitForWindow", reply=finder(regexp), pattern=shown_of(regexp), timeout=seconds_of(timeout))
