"""Tracebacks of scripts: the frames of the script and of its own modules, none of ours."""

from __future__ import annotations

import contextlib
import os
import traceback
import unittest
from types import TracebackType
from typing import Any, Dict, List, Optional

#: Where frames lie that tell nobody anything: ours, and those of the library that ours call.
_HIDDEN = (
    os.path.dirname(os.path.abspath(__file__)) + os.sep,
    os.path.dirname(unittest.__file__) + os.sep,
    contextlib.__file__,
)
_OWN_START = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run.py")


def _is_shown(frame: traceback.FrameSummary) -> bool:
    return not frame.filename.startswith(_HIDDEN) and frame.filename != _OWN_START


def _strip(trace: traceback.TracebackException) -> None:
    """Takes our frames from an exception and from those that led to it."""
    trace.stack = traceback.StackSummary.from_list([frame for frame in trace.stack if _is_shown(frame)])
    for other in (trace.__cause__, trace.__context__):
        if other is not None:
            _strip(other)


def lines_of(error: BaseException) -> List[str]:
    """The traceback as text."""
    trace = traceback.TracebackException(type(error), error, error.__traceback__)
    _strip(trace)
    return [line for part in trace.format() for line in part.rstrip("\n").split("\n")]


def frames_of(trace: Optional[TracebackType]) -> List[Dict[str, Any]]:
    """The frames that are shown, innermost first."""
    return [
        {"file": frame.filename, "line": frame.lineno or 1, "function": frame.name, "source": (frame.line or "").strip()}
        for frame in reversed(traceback.extract_tb(trace))
        if _is_shown(frame)
    ]


def innermost_locals(trace: Optional[TracebackType]) -> Dict[str, Any]:
    """The variables of the innermost frame that is shown."""
    shown = [frame for frame, summary in zip(traceback.walk_tb(trace), traceback.extract_tb(trace)) if _is_shown(summary)]
    return dict(shown[-1][0].f_locals) if shown else {}


def place_of_syntax_error(error: SyntaxError) -> List[Dict[str, Any]]:
    """Where a file is no Python."""
    if error.filename is None:
        return []
    return [
        {
            "file": error.filename,
            "line": error.lineno or 1,
            "function": "<module>",
            "source": (error.text or "").strip(),
        }
    ]
