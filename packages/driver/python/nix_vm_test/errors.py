"""The exceptions of test scripts, by the names that NixOS' test driver gave them."""

from __future__ import annotations

from typing import Dict, Optional


# Tracebacks name classes of this module plainly, as scripts know them.
__name__ = "__main__"


class MachineError(Exception):
    """A machine could not do its part: boot, channel, or its own end. Never the script's fault."""

    failure: Optional[int] = None
    #: What was seen last, such as "console": the end of each text.
    evidence: Dict[str, str] = {}


class RequestedAssertionFailed(AssertionError):
    """What the script asked for was not so."""

    #: Number by which the driver knows the failure, with all its evidence; none for one that the script made.
    failure: Optional[int] = None
    #: What was seen last, such as "stdout" and "stderr" of a command: the end of each text.
    evidence: Dict[str, str] = {}


class CommandTimedOut(RequestedAssertionFailed):
    """A command or wait ran out of its time; the message has what was seen last."""


class PollingConditionError(Exception):
    """A condition that had to hold throughout a part of the test did not."""


class BridgeError(Exception):
    """The driver is gone, or said something that this side does not understand."""
