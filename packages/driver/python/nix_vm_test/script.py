"""Runs the user's script and tells how it ended, in the script's own frames."""

from __future__ import annotations

import builtins
import linecache
import os
import sys
from types import CodeType
from typing import Any, Dict, List, Optional, Union

from .errors import BridgeError
from .suggestions import complete_name_error
from .tracebacks import frames_of, lines_of, place_of_syntax_error

#: What ended a script, as the driver reports it.
Failure = Dict[str, Any]


def _remember(file: str, text: str) -> None:
    """Makes a script that is no file show its lines in tracebacks."""
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)


def failure_of(error: BaseException) -> Failure:
    """An exception that the script did not catch, as the driver reports it."""
    frames = frames_of(error.__traceback__)
    if isinstance(error, SyntaxError):
        frames = place_of_syntax_error(error) + frames
    failure: Failure = {
        "kind": type(error).__name__,
        "message": str(error),
        "frames": frames,
        "lines": lines_of(error),
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
        #: Failed parts of a script that goes on nevertheless.
        self._failures: List[Failure] = []
        #: What ended it.
        self.error: Optional[BaseException] = None

    def read_again(self) -> None:
        """Takes the file as it is now; a script that is no file stays as it was."""
        if os.path.isfile(self.file):
            with open(self.file, encoding="utf-8") as source:
                text = source.read()
            _remember(self.file, text)
            self._code = compile(text, self.file, "exec", dont_inherit=True)

    def go_on(self, error: Exception) -> bool:
        """Remembers why a part of the script failed."""
        self._failures.append(failure_of(error))
        return True

    def execute(self, symbols: Dict[str, Any]) -> None:
        """Runs the script in a namespace."""
        exec(self._code, symbols)  # noqa: S102 -- that is what a test driver does

    def run(self, symbols: Dict[str, Any]) -> List[Failure]:
        """Runs the script in a namespace; gives what failed in it, the exception that ended it being the last."""
        symbols.update({"__name__": "__main__", "__file__": self.file, "__builtins__": builtins})
        try:
            self.execute(symbols)
        except BridgeError:
            raise
        except BaseException as error:  # noqa: BLE001 -- whatever ends the script is its outcome
            if isinstance(error, NameError):
                complete_name_error(error, symbols)
            self._failures.append(failure_of(error))
            self.error = error
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return self._failures


def load_script(file: str, text: str, directory: Optional[str]) -> Union[Script, Failure]:
    """Compiles a script; gives the failure of one that is no Python. A script that is a file finds the modules beside it."""
    _remember(file, text)
    if directory is not None:
        sys.path.insert(0, directory)
    try:
        return Script(file, compile(text, file, "exec", dont_inherit=True))
    except (SyntaxError, ValueError) as error:
        return failure_of(error)
