"""Runs the user's script and tells how it ended, in the script's own frames."""

from __future__ import annotations

import builtins
import linecache
import sys
import traceback
from types import CodeType, TracebackType
from typing import Any, Dict, List, Optional, Union

from .errors import BridgeError, MachineError, RequestedAssertionFailed


def _remember(file: str, text: str) -> None:
    """Makes a script that is no file show its lines in tracebacks."""
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)


def _script_frames(trace: Optional[TracebackType], file: str) -> List[traceback.FrameSummary]:
    return [frame for frame in traceback.extract_tb(trace) if frame.filename == file]


def _lines_of(error: BaseException, file: str) -> List[str]:
    frames = _script_frames(error.__traceback__, file)
    if isinstance(error, (RequestedAssertionFailed, MachineError, SyntaxError)):
        lines = traceback.format_list(frames) + traceback.format_exception_only(type(error), error)
    else:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
    return [line for part in lines for line in part.rstrip("\n").split("\n")]


def failure_of(error: BaseException, file: str) -> Dict[str, Any]:
    """An exception that the script did not catch, as the driver reports it."""
    frames = [
        {"line": frame.lineno or 1, "function": frame.name}
        for frame in reversed(_script_frames(error.__traceback__, file))
    ]
    if isinstance(error, SyntaxError) and error.filename == file and not frames:
        frames = [{"line": error.lineno or 1, "function": "<module>"}]
    failure: Dict[str, Any] = {
        "kind": type(error).__name__,
        "message": str(error),
        "frames": frames,
        "lines": _lines_of(error, file),
        "failure": getattr(error, "failure", None),
    }
    if isinstance(error, SystemExit):
        code = error.code
        failure["exitCode"] = code if isinstance(code, int) else 0 if code is None else 1
    return failure


class Script:
    """A script that compiles."""

    def __init__(self, file: str, code: CodeType) -> None:
        self.file = file
        self._code = code

    def execute(self, symbols: Dict[str, Any]) -> None:
        """Runs the script in a namespace."""
        exec(self._code, symbols)  # noqa: S102 -- that is what a test driver does

    def run(self, symbols: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        """Runs the script in a namespace; gives what ended it, none when it came to its end."""
        symbols.update({"__name__": "__main__", "__file__": self.file, "__builtins__": builtins})
        try:
            self.execute(symbols)
        except BridgeError:
            raise
        except BaseException as error:  # noqa: BLE001 -- whatever ends the script is its outcome
            return failure_of(error, self.file)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return None


def load_script(file: str, text: str, directory: Optional[str]) -> Union[Script, Dict[str, Any]]:
    """Compiles a script; gives the failure of one that is no Python. A script that is a file finds the modules beside it."""
    _remember(file, text)
    if directory is not None:
        sys.path.insert(0, directory)
    try:
        return Script(file, compile(text, file, "exec", dont_inherit=True))
    except (SyntaxError, ValueError) as error:
        return failure_of(error, file)
